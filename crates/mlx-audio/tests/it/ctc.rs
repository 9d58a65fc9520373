//! wav2vec2 and HuBERT against transformers: states, scores, characters with their frames, alone and together.

use std::path::{Path, PathBuf};

use mlx_audio::recognizer::{Recognize, RecognizeOptions};
use mlx_audio::wav2vec2::Wav2Vec2;
use mlx_audio::{Word, ctc};
use mlx_hub::Source;
use mlx_testkit::Golden;
use serde_json::{Value, json};

use crate::recognizer::{copied, sound};
use crate::sounds::assert_golden;

const CLOSE: f64 = 1e-4;
const NAMES: [&str; 3] = ["wav2vec2-base", "wav2vec2-large", "hubert"];

fn folder(name: &str) -> PathBuf {
    crate::recognizer::folder(name)
}

fn load(path: &Path) -> Wav2Vec2 {
    Wav2Vec2::load(&Source::path(path), Some(mlx_core::Dtype::Float32))
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn sounds() -> [Vec<f32>; 2] {
    [sound(700, 0), sound(460, 9000)]
}

#[test]
fn states_and_scores_are_those_of_transformers() {
    for name in NAMES {
        let golden = Golden::open(folder(name).join("expected.safetensors"));
        let model = load(&folder(name));
        for (at, sound) in sounds().iter().enumerate() {
            assert_golden(name, &model.hidden(sound).unwrap(), &golden, &format!("hidden.{at}"), CLOSE);
            assert_golden(name, &model.scores(sound).unwrap(), &golden, &format!("scores.{at}"), CLOSE);
        }
    }
}

#[test]
fn sounds_together_have_the_states_of_each_alone() {
    let sounds = sounds();
    let both: Vec<&[f32]> = sounds.iter().map(Vec::as_slice).collect();
    for name in NAMES {
        let golden = Golden::open(folder(name).join("expected.safetensors"));
        let model = load(&folder(name));
        let found = model.hidden_of(&both).unwrap();
        for (at, states) in found.iter().enumerate() {
            assert_golden(name, states, &golden, &format!("hidden.{at}"), CLOSE);
        }
        assert!(model.hidden_of(&[]).unwrap().is_empty());
    }
}

#[test]
fn scores_of_each_are_those_of_a_padded_batch_of_transformers() {
    let golden = Golden::open(folder("wav2vec2-large").join("expected.safetensors"));
    let model = load(&folder("wav2vec2-large"));
    for (at, sound) in sounds().iter().enumerate() {
        assert_golden("padded", &model.scores(sound).unwrap(), &golden, &format!("batched.{at}"), CLOSE);
    }
}

/// Characters with the frames in which they are held.
type Held = (String, usize, usize);

#[test]
fn characters_and_their_frames_are_those_of_transformers() {
    for name in NAMES {
        let times: Value =
            serde_json::from_slice(&std::fs::read(folder(name).join("times.json")).unwrap()).unwrap();
        let times: Vec<Vec<Held>> = serde_json::from_value(times).unwrap();
        let model = load(&folder(name));
        let options = RecognizeOptions { word_timestamps: true, ..RecognizeOptions::default() };
        for (sound, expected) in sounds().iter().zip(&times) {
            let emissions = ctc::greedy(&model.scores(sound).unwrap(), 0).unwrap();
            let letters = [" ", "E", "T", "A", "O", "N", "I", "'"];
            let letter = |token: u32| letters.get(token.checked_sub(4)? as usize);
            let found: Vec<Held> = emissions
                .iter()
                .filter_map(|held| {
                    Some((letter(held.token)?.to_string(), held.frames.start, held.frames.end))
                })
                .collect();
            assert_eq!(&found, expected, "{name}");
            assert!(expected.len() > 4, "{name} says next to nothing");
            let segments = model.recognize(sound, &options).unwrap();
            let words: Vec<&Word> = segments.iter().flat_map(|segment| &segment.words).collect();
            check_words(&words, expected);
        }
    }
}

/// Words are what lies between spaces, from the first character to the last, of 20 samples a frame.
#[track_caller]
fn check_words(words: &[&Word], expected: &[Held]) {
    let seconds = |frames: usize| frames as f64 * 20.0 / 16_000.0;
    let groups = expected.split(|(letter, ..)| letter == " ").filter(|group| !group.is_empty());
    let groups: Vec<_> = groups.collect();
    assert_eq!(words.len(), groups.len());
    for (word, group) in words.iter().zip(groups) {
        let text: String = group.iter().map(|(letter, ..)| letter.as_str()).collect();
        assert_eq!(word.word, format!(" {text}"));
        assert!((word.start - seconds(group[0].1)).abs() < 1e-9, "{word:?}");
        assert!((word.end - seconds(group[group.len() - 1].2)).abs() < 1e-9, "{word:?}");
        assert!(word.probability > 0.0 && word.probability <= 1.0);
    }
}

#[test]
fn a_model_that_cannot_be_says_why() {
    for (field, value, problem) in [
        ("conv_stride", json!([5, 2]), "as many entries"),
        ("num_attention_heads", json!(5), "num_attention_heads do not divide"),
        ("hidden_act", json!("relu"), "hidden_act is not `gelu`"),
        ("adapter_attn_dim", json!(16), "adapter_attn_dim is set"),
        ("vocab_size", json!(5), "lm_head"),
        ("feat_extract_norm", json!("none"), "unknown variant"),
        ("num_hidden_layers", json!(1), "encoder.layers.1"),
    ] {
        let copy = copied("wav2vec2-base", |config| config[field] = value.clone());
        let message = Wav2Vec2::load(&Source::path(copy.path()), None).err().unwrap().to_string();
        assert!(message.contains(problem), "{field}: {message}");
    }
}

#[test]
fn too_little_sound_has_no_text_and_no_vocabulary_is_an_error() {
    let model = load(&folder("wav2vec2-base"));
    let options = RecognizeOptions::default();
    for samples in [0, 1, 29] {
        assert_eq!(model.recognize(&vec![0.5; samples], &options).unwrap(), []);
    }
    let message = model.scores(&[0.5]).unwrap_err().to_string();
    assert_eq!(message, "samples is 1: there are too few for a frame");
    assert!(model.recognize(&[f32::NAN; 900], &options).is_ok());
    let copy = copied("wav2vec2-base", |_| ());
    std::fs::remove_file(copy.path().join("vocab.json")).unwrap();
    let model = load(copy.path());
    assert!(model.scores(&sound(700, 0)).is_ok());
    let message = model.recognize(&sound(700, 0), &options).unwrap_err().to_string();
    assert!(message.contains("vocab.json: is missing"), "{message}");
}
