//! SenseVoice against mlx-audio: states, scores, text and tags.

use mlx_audio::mlx_core::Dtype;
use mlx_audio::recognizer::{Recognize, RecognizeOptions, Recognizer};
use mlx_audio::sensevoice::{Heard, SenseVoice};
use mlx_hub::Source;
use mlx_testkit::Golden;
use serde_json::{Value, json};

use crate::recognizer::{copied, folder, sound};
use crate::sounds::assert_golden;

const CLOSE: f64 = 1e-3;
const NAME: &str = "sensevoice";

fn load() -> SenseVoice {
    SenseVoice::load(&Source::path(folder(NAME)), Some(Dtype::Float32)).unwrap()
}

fn golden() -> Golden {
    Golden::open(folder(NAME).join("expected.safetensors"))
}

fn sounds() -> [Vec<f32>; 2] {
    [sound(20_000, 0), sound(31_337, 5000)]
}

/// What each token writes.
fn tokens() -> Vec<String> {
    serde_json::from_slice(&std::fs::read(folder(NAME).join("tokens.json")).unwrap()).unwrap()
}

#[test]
fn states_and_scores_are_those_of_mlx_audio() {
    let (model, golden) = (load(), golden());
    for (at, sound) in sounds().iter().enumerate() {
        assert_golden("sensevoice", &model.hidden(sound).unwrap(), &golden, &format!("hidden.{at}"), CLOSE);
        assert_golden("sensevoice", &model.scores(sound).unwrap(), &golden, &format!("scores.{at}"), CLOSE);
    }
}

#[test]
fn text_and_tags_are_those_of_mlx_audio() {
    let (model, golden, tokens) = (load(), golden(), tokens());
    let is_tag = |token: &u32| tokens[*token as usize].starts_with('<');
    for (at, sound) in sounds().iter().enumerate() {
        for (name, language, itn) in [("auto", None, false), ("itn", Some("en"), true)] {
            let found = model.hear(sound, language, itn).unwrap();
            assert_eq!(found.tags, golden.u32(&format!("tags.{name}.{at}")), "{name}, {at}");
            let expected: Vec<u32> = golden.u32(&format!("tokens.{name}.{at}"));
            let expected: Vec<u32> = expected.into_iter().filter(|token| !is_tag(token)).collect();
            let spoken: Vec<u32> = found.spoken.iter().map(|token| token.token).collect();
            assert_eq!(spoken, expected, "{name}, {at}");
            assert!(spoken.len() > 2, "{name} says next to nothing");
            let tag = |at: usize| tokens[found.tags[at] as usize].trim_matches(['<', '|', '>']).to_owned();
            let expected = [0, 1, 2].map(|at| if is_tag(&found.tags[at]) { tag(at) } else { String::new() });
            let Heard { language, emotion, event, .. } = &found;
            for (tag, expected) in [language, emotion, event].into_iter().zip(&expected) {
                assert!(
                    tag == expected || ["unk", "s", "/s"].contains(&expected.as_str()),
                    "{tag}, {expected}"
                );
            }
            let ends: Vec<f64> = found.spoken.iter().flat_map(|token| [token.start, token.end]).collect();
            assert!(ends.is_sorted() && ends.iter().all(|end| *end <= sound.len() as f64 / 16_000.0 + 0.06));
        }
    }
}

#[test]
fn the_door_has_its_options_and_gives_the_tags_before_the_text() {
    let recognizer = Recognizer::load(&Source::path(folder(NAME)), Some(Dtype::Float32)).unwrap();
    let options = RecognizeOptions { language: Some("en".into()), use_itn: Some(true), ..Default::default() };
    let found = recognizer.transcribe(&sounds()[0], &options).unwrap();
    assert_eq!(found.language, "en");
    assert_eq!(found.segments[0].tokens[..4], golden().u32("tags.itn.0"));
    let klingon = RecognizeOptions { language: Some("tlh".into()), ..Default::default() };
    let message = recognizer.transcribe(&sounds()[0], &klingon).unwrap_err().to_string();
    assert_eq!(message, "language is tlh: known are auto, zh, en, yue, ja, ko, nospeech");
}

#[test]
fn moments_may_stand_in_the_config() {
    let text = std::fs::read_to_string(folder(NAME).join("am.mvn")).unwrap();
    let numbers = |part: &str| -> Vec<f64> {
        let inside = part.split_once("Coef> 0 [").unwrap().1.split_once(']').unwrap().0;
        inside.split_whitespace().map(|number| number.parse().unwrap()).collect()
    };
    let (means, scales) = text.split_once("<Rescale>").unwrap();
    let copy = copied(NAME, |config| {
        config["cmvn_means"] = json!(numbers(means));
        config["cmvn_istd"] = json!(numbers(scales));
    });
    std::fs::remove_file(copy.path().join("am.mvn")).unwrap();
    let model = SenseVoice::load(&Source::path(copy.path()), Some(Dtype::Float32)).unwrap();
    assert_golden("sensevoice", &model.hidden(&sounds()[0]).unwrap(), &golden(), "hidden.0", CLOSE);
}

#[test]
fn a_model_that_cannot_be_says_why() {
    let set =
        |path: &'static str, value: Value| copied(NAME, |config| *config.pointer_mut(path).unwrap() = value);
    for (path, value, problem) in [
        ("/encoder_conf/attention_heads", json!(3), "attention_heads do not divide"),
        ("/encoder_conf/sanm_shfit", json!(3), "sanm_shift is not between"),
        ("/encoder_conf/num_blocks", json!(2), "encoder.encoders.1"),
        ("/frontend_conf/window", json!("povey"), "window `hamming`"),
        ("/frontend_conf/n_mels", json!(21), "input_size is not n_mels times lfr_m"),
        ("/vocab_size", json!(5), "ctc.ctc_lo"),
    ] {
        let copy = set(path, value);
        let message = SenseVoice::load(&Source::path(copy.path()), None).err().unwrap().to_string();
        assert!(message.contains(problem), "{path}: {message}");
    }
    let copy = copied(NAME, |_| ());
    std::fs::write(copy.path().join("am.mvn"), "<AddShift>").unwrap();
    let message = SenseVoice::load(&Source::path(copy.path()), None).err().unwrap().to_string();
    assert_eq!(message, "am.mvn: has no numbers behind <AddShift>");
}

#[test]
fn sound_that_is_hardly_any_has_a_result() {
    let model = load();
    for samples in [0, 1, 399] {
        assert_eq!(model.hear(&vec![0.5; samples], None, false).unwrap(), Heard::default());
    }
    for sound in [vec![0.0; 4000], vec![f32::NAN; 4000], vec![1e30; 4000]] {
        model.recognize(&sound, &RecognizeOptions::default()).unwrap();
    }
}
