//! Qwen3-ASR against transformers and mlx_audio, its layouts, and what it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_audio::mlx_core::{Array, Dtype, concatenate, io};
use mlx_audio::mlx_hub::Source;
use mlx_audio::qwen3_asr::{Options, Qwen3Asr};
use mlx_audio::{RecognizeOptions, Recognizer};
use mlx_testkit::{Golden, Tolerance, assert_close, relative_rms};
use serde_json::{Value, json};

use crate::sounds::growing_tones;

/// Spectrograms in single precision differ by more than what follows.
const CLOSE: f64 = 1e-4;

/// The lengths of the recordings of the golden data, and whether mlx_audio heard them, too.
const SAMPLES: [(usize, bool); 4] = [(55_000, true), (33_000, true), (20_000, true), (6000, false)];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/qwen3_asr")
}

fn golden() -> Golden {
    Golden::open(folder().join("expected.safetensors"))
}

fn load(path: &Path) -> Qwen3Asr {
    Qwen3Asr::load(&Source::path(path), Some(Dtype::Float32)).unwrap()
}

fn sounds() -> Vec<Vec<f32>> {
    let pitches = [200.0, 330.0, 460.0, 590.0];
    SAMPLES.iter().zip(pitches).map(|(&(samples, _), pitch)| growing_tones(samples, pitch)).collect()
}

/// The options of a recording of the golden data.
fn options(at: usize) -> Options {
    Options { language: (at == 1).then(|| "en".to_owned()), max_tokens: Some(12), ..Options::default() }
}

fn numbers(array: &Array) -> Vec<f32> {
    array.to_vec().unwrap()
}

/// Scores behind the prompts and behind these tokens, `steps` of them at a time: `[recordings, 4, vocabulary]`.
fn scores(model: &Qwen3Asr, recordings: &[&[f32]], options: &Options, steps: usize) -> Array {
    let mut hearing = model.hear(recordings, options).unwrap();
    let mut scores = vec![hearing.scores().expand_dims(1).unwrap()];
    let tokens = [72, 101, 108];
    scores.extend(tokens.chunks(steps).map(|part| hearing.logits(&vec![part; recordings.len()]).unwrap()));
    concatenate(&scores, 1).unwrap()
}

#[test]
fn states_and_scores_are_those_of_transformers_and_mlx_audio() {
    let (model, golden) = (load(&folder()), golden());
    for (at, (sound, (_, by_mlx))) in sounds().iter().zip(SAMPLES).enumerate() {
        let hidden = numbers(&model.hidden(sound).unwrap());
        let logits = [3, 1].map(|steps| numbers(&scores(&model, &[sound], &options(at), steps)));
        for prefix in ["", "mlx."].iter().take(1 + usize::from(by_mlx)) {
            let key = format!("{prefix}hidden.{at}");
            let error = relative_rms(&hidden, &golden.f32(&key));
            assert!(error < CLOSE, "{key}: {error:e}");
            for logits in &logits {
                let key = format!("{prefix}logits.{at}");
                let error = relative_rms(logits, &golden.f32(&key));
                assert!(error < CLOSE, "{key}: {error:e}");
            }
        }
    }
}

/// One token for each of several recordings: the rotation of these has gone wrong elsewhere.
#[test]
fn recordings_in_a_batch_are_as_if_alone() {
    let (model, sounds) = (load(&folder()), sounds());
    let recordings: Vec<&[f32]> = sounds.iter().map(Vec::as_slice).collect();
    for steps in [1, 3] {
        let together = scores(&model, &recordings, &Options::default(), steps);
        for (at, sound) in (0..).zip(&sounds) {
            let alone = scores(&model, &[sound], &Options::default(), steps);
            let found = numbers(&together.index(at).unwrap());
            let error = relative_rms(&found, &numbers(&alone));
            assert!(error < 1e-5, "recording {at}, {steps} at a time: {error:e}");
        }
    }
}

#[test]
fn texts_are_those_of_transformers_and_mlx_audio() {
    let (model, golden, sounds) = (load(&folder()), golden(), sounds());
    for (at, sound) in sounds.iter().enumerate() {
        let found = model.recognize(sound, &options(at)).unwrap();
        let expected = golden.u32(&format!("generated.{at}"));
        assert_eq!(found.segments[0].tokens, expected);
        assert_eq!(found.segments[0].end, sound.len() as f64 / 16_000.0);
        assert_eq!(found.language, if at == 1 { "en" } else { "" });
    }
    let recordings: Vec<&[f32]> = [0, 2, 3].iter().map(|&at| sounds[at].as_slice()).collect();
    let together = model.recognize_all(&recordings, &options(0)).unwrap();
    for (at, found) in [0, 2, 3].into_iter().zip(together) {
        assert_eq!(found.segments[0].tokens, golden.u32(&format!("generated.{at}")));
    }
}

/// The checkpoint with other names and layouts, and another config.
fn rewritten(config: &Value, change: impl Fn(&str, &Array) -> (String, Array)) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    let arrays = io::load_safetensors(folder().join("model.safetensors")).unwrap().arrays;
    let arrays: Vec<_> = arrays.iter().map(|(name, array)| change(name, array)).collect();
    let named = arrays.iter().map(|(name, array)| (name.as_str(), array));
    io::save_safetensors(copy.path().join("model.safetensors"), named, &BTreeMap::new()).unwrap();
    fs::copy(folder().join("tokenizer.json"), copy.path().join("tokenizer.json")).unwrap();
    fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
    copy
}

fn config() -> Value {
    serde_json::from_slice(&fs::read(folder().join("config.json")).unwrap()).unwrap()
}

#[test]
fn checkpoints_of_mlx_and_transformers_are_read_as_the_original() {
    let by_mlx = rewritten(&config(), |name, array| {
        let of_conv = name.contains("conv2d") && array.ndim() == 4;
        let array = if of_conv { array.transpose([0, 2, 3, 1]).unwrap() } else { array.clone() };
        (name.replace("thinker.", ""), array)
    });
    let mut flat = config()["thinker_config"].clone();
    let rope = json!({"rope_theta": 1_000_000, "rope_type": "default"});
    flat["text_config"].as_object_mut().unwrap().remove("rope_scaling");
    flat["text_config"].as_object_mut().unwrap().remove("rope_theta");
    flat["text_config"]["rope_parameters"] = rope;
    let by_transformers = rewritten(&flat, |name, array| {
        let name = name
            .replace("thinker.model.", "model.language_model.")
            .replace("thinker.audio_tower.proj1", "model.multi_modal_projector.linear_1")
            .replace("thinker.audio_tower.proj2", "model.multi_modal_projector.linear_2")
            .replace("thinker.audio_tower", "model.audio_tower");
        (name, array.clone())
    });
    let scores = |path: &Path| numbers(&scores(&load(path), &[&sounds()[2]], &Options::default(), 3));
    let expected = scores(&folder());
    assert_close(&scores(by_mlx.path()), &expected, Tolerance::EXACT);
    assert_close(&scores(by_transformers.path()), &expected, Tolerance::EXACT);
}

#[test]
fn the_prompt_has_the_context_and_the_language() {
    let model = load(&folder());
    let scores = |options: Options| numbers(&scores(&model, &[&sounds()[2]], &options, 3));
    let plain = scores(Options::default());
    let named = |language: &str| Options { language: Some(language.into()), ..Options::default() };
    assert_close(&scores(named("EN")), &scores(named("english")), Tolerance::EXACT);
    assert!(relative_rms(&scores(named("en")), &plain) > 1e-2);
    assert!(relative_rms(&scores(named("klingon")), &scores(named("en"))) > 1e-3);
    let context = |text: &str| scores(Options { context: Some(text.into()), ..Options::default() });
    assert!(relative_rms(&context("Fitzwilliam"), &plain) > 1e-2);
    assert_close(&context(" Fitzwilliam\n"), &context("Fitzwilliam"), Tolerance::EXACT);
}

#[test]
fn prompts_and_answers_have_the_places_of_the_decoder() {
    let (model, sound) = (load(&folder()), &sounds()[3]);
    let with =
        |letters: usize| Options { context: Some("x".repeat(letters)), max_tokens: Some(12), language: None };
    let places = |model: &Qwen3Asr, letters: usize| {
        let message = model.hear(&[sound], &with(letters)).err().unwrap().to_string();
        let rest = message.strip_prefix("places of the prompt is ").unwrap().to_owned();
        rest.split(':').next().unwrap().parse::<usize>().unwrap()
    };
    // A letter is a token.
    let beside = places(&model, 600) - 600;
    assert_eq!(places(&model, 512 - beside), 512);
    let found = model.recognize(sound, &with(507 - beside)).unwrap();
    assert_eq!(found.segments[0].tokens.len(), 5);
    assert_eq!(model.recognize(sound, &with(1)).unwrap().segments[0].tokens.len(), 12);
    // A prompt that is read in several steps.
    let mut config = config();
    config["thinker_config"]["text_config"]["max_position_embeddings"] = 4096.into();
    let long = load(rewritten(&config, |name, array| (name.to_owned(), array.clone())).path());
    let mut hearing = long.hear(&[sound], &with(2100)).unwrap();
    let message = hearing.logits(&[&[]]).unwrap_err().to_string();
    assert!(message.ends_with(&format!("room for 1 to {}", 4096 - 2100 - beside)), "{message}");
}

#[test]
fn sound_that_is_hardly_any_has_a_result() {
    let (model, options) = (load(&folder()), options(0));
    let nothing = model.recognize(&[], &options).unwrap();
    assert_eq!((nothing.segments.len(), nothing.text.as_str()), (0, ""));
    for samples in [vec![0.5], vec![0.0; 16_000], vec![f32::NAN; 16_000], vec![f32::INFINITY; 900]] {
        let found = model.recognize(&samples, &options).unwrap();
        assert!(found.segments.iter().all(|segment| segment.end <= 1.0));
    }
    let [whole, half] = [16_000, 1].map(|samples| model.hidden(&vec![0.5; samples]).unwrap());
    assert_eq!((whole.shape(), half.shape()), (&[13, 16][..], &[7, 16][..]));
}

#[test]
fn what_cannot_be_is_one_clear_error() {
    let model = load(&folder());
    let refused = |samples: usize, language: Option<&str>| {
        let options = Options { language: language.map(str::to_owned), ..options(0) };
        model.recognize(&vec![0.0; samples], &options).unwrap_err().to_string()
    };
    assert!(refused(1200 * 16_000 + 1, None).contains("cut it into parts"));
    assert!(refused(40 * 16_000, None).contains("the decoder reads 512 at most"));
    assert!(refused(1600, Some("xx")).contains("language is xx: known are ar, cs"));
    let sound = &sounds()[3];
    let mut hearing = model.hear(&[sound], &Options::default()).unwrap();
    let mut refused = |tokens: &[&[u32]]| hearing.logits(tokens).unwrap_err().to_string();
    assert!(refused(&[&[264]]).contains("the vocabulary has 264"));
    assert!(refused(&[&[1], &[1]]).contains("as many for each of 1"));
    assert!(refused(&[&[]]).contains("there is room for 1 to"));
    assert!(refused(&[&[1; 512]]).contains("there is room for 1 to"));
    assert!(model.hear(&[], &Options::default()).is_err());
}

#[test]
fn a_config_that_cannot_be_names_its_field() {
    let refused = |change: &dyn Fn(&mut Value)| {
        let mut config = config();
        change(&mut config["thinker_config"]);
        let copy = rewritten(&config, |name, array| (name.to_owned(), array.clone()));
        Qwen3Asr::load(&Source::path(copy.path()), None).err().unwrap().to_string()
    };
    let aligner = refused(&|config| config["model_type"] = "qwen3_forced_aligner".into());
    assert!(aligner.contains("qwen3_forced_aligner"), "{aligner}");
    let wide = refused(&|config| config["audio_config"]["output_dim"] = 8.into());
    assert!(wide.contains("output_dim is 8"), "{wide}");
    let zero = refused(&|config| config["audio_config"]["n_window"] = 0.into());
    assert!(zero.contains("n_window is 0"), "{zero}");
    let none = refused(&|config| config["text_config"] = Value::Null);
    assert!(none.contains("text_config is missing"), "{none}");
    let deep = refused(&|config| config["audio_config"]["encoder_layers"] = 3.into());
    assert!(deep.contains("layers.2.self_attn.q_proj.weight"), "{deep}");
}

#[test]
fn the_door_to_all_recognizers_hears_the_same() {
    let door = Recognizer::load(&Source::path(folder()), Some(Dtype::Float32)).unwrap();
    let (model, sound) = (load(&folder()), &sounds()[2]);
    for language in [None, Some("en".to_owned())] {
        let (own, asked) = (
            Options { language: language.clone(), context: Some("Ada".into()), ..Options::default() },
            RecognizeOptions { language, initial_prompt: Some("Ada".into()), ..RecognizeOptions::default() },
        );
        let (alone, found) = (model.recognize(sound, &own).unwrap(), door.transcribe(sound, &asked).unwrap());
        assert_eq!(found.segments[0].tokens, alone.segments[0].tokens);
        assert_eq!((found.text.trim(), &found.language), (alone.text.trim(), &alone.language));
    }
    assert_eq!(numbers(&door.hidden(sound).unwrap()), numbers(&model.hidden(sound).unwrap()));
}
