//! Parakeets of NeMo against mlx-audio, and of transformers against transformers.

use std::path::PathBuf;

use mlx_audio::mlx_core::Dtype;
use mlx_audio::parakeet::Parakeet;
use mlx_audio::recognizer::{Recognize, RecognizeOptions, TimedToken};
use mlx_hub::Source;
use mlx_testkit::Golden;
use serde_json::json;

use crate::recognizer::{copied, sound};
use crate::sounds::assert_golden;

const CLOSE: f64 = 1e-3;

fn folder(name: &str) -> PathBuf {
    crate::recognizer::folder(name)
}

fn golden(name: &str) -> Golden {
    Golden::open(folder(name).join("expected.safetensors"))
}

fn load(name: &str) -> Parakeet {
    Parakeet::load(&Source::path(folder(name)), Some(Dtype::Float32))
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn sounds() -> [Vec<f32>; 2] {
    [sound(20_000, 0), sound(31_337, 5000)]
}

fn tokens(spoken: &[TimedToken]) -> Vec<u32> {
    spoken.iter().map(|spoken| spoken.token).collect()
}

#[test]
fn states_are_those_of_the_references() {
    for name in ["nemo-tdt", "nemo-rnnt", "nemo-hybrid", "nemo-ctc"] {
        let (model, golden) = (load(name), golden(name));
        for (at, sound) in sounds().iter().enumerate() {
            assert_golden(name, &model.hidden(sound).unwrap(), &golden, &format!("hidden.{at}"), CLOSE);
        }
    }
    for name in ["parakeet-tdt", "parakeet-rnnt", "parakeet-ctc"] {
        let (model, golden) = (load(name), golden(name));
        for (at, sound) in sounds().iter().enumerate() {
            let found = model.hidden(sound).unwrap();
            assert_golden(name, &found, &golden, &format!("hidden.{at}"), CLOSE);
            assert_golden(name, &found, &golden, &format!("batched.{at}"), CLOSE);
        }
    }
}

#[test]
fn scores_of_frames_are_those_of_the_references() {
    for name in ["nemo-hybrid", "nemo-ctc", "parakeet-ctc"] {
        let (model, golden) = (load(name), golden(name));
        for (at, sound) in sounds().iter().enumerate() {
            assert_golden(name, &model.scores(sound).unwrap(), &golden, &format!("scores.{at}"), CLOSE);
        }
    }
    let message = load("nemo-tdt").scores(&sounds()[0]).unwrap_err().to_string();
    assert!(message.contains("without a head for CTC"), "{message}");
}

#[test]
fn tokens_and_times_of_nemos_transducers_are_those_of_mlx_audio() {
    for name in ["nemo-tdt", "nemo-rnnt", "nemo-hybrid"] {
        let (model, golden) = (load(name), golden(name));
        for (at, sound) in sounds().iter().enumerate() {
            let found = model.spoken(sound).unwrap();
            let expected: Vec<u32> =
                golden.i32(&format!("tokens.{at}")).iter().map(|&id| id as u32).collect();
            assert_eq!(tokens(&found), expected, "{name}, {at}");
            assert!(expected.len() > 2, "{name} says next to nothing");
            let times: Vec<f32> =
                found.iter().flat_map(|token| [token.start as f32, token.end as f32]).collect();
            crate::sounds::assert_near(&times, &golden.f32(&format!("times.{at}")), 1e-5);
        }
    }
}

#[test]
fn tokens_and_frames_of_transducers_are_those_of_transformers() {
    for name in ["parakeet-tdt", "parakeet-rnnt"] {
        let (model, golden) = (load(name), golden(name));
        for (at, sound) in sounds().iter().enumerate() {
            let found = model.spoken(sound).unwrap();
            let expected: Vec<u32> =
                golden.i32(&format!("tokens.{at}")).iter().map(|&id| id as u32).collect();
            let frames = golden.i32(&format!("frames.{at}"));
            // The unknown token writes nothing.
            let pairs: Vec<_> =
                expected.iter().zip(frames.as_chunks::<2>().0).filter(|(id, _)| **id != 0).collect();
            assert_eq!(tokens(&found), pairs.iter().map(|(id, _)| **id).collect::<Vec<_>>(), "{name}, {at}");
            assert!(pairs.len() > 2, "{name} says next to nothing");
            for (token, (_, [frame, frames])) in found.iter().zip(pairs) {
                assert!((token.start - f64::from(*frame) * 0.08).abs() < 1e-9, "{name}: {token:?}");
                // Of a model without durations, transformers counts the frame that a token was the last of.
                if name == "parakeet-tdt" {
                    let end = f64::from(frame + frames) * 0.08;
                    assert!((token.end - end).abs() < 1e-9, "{name}: {token:?}");
                }
            }
        }
    }
}

#[test]
fn segments_have_the_words_of_the_tokens() {
    let model = load("nemo-tdt");
    let options = RecognizeOptions { word_timestamps: true, ..RecognizeOptions::default() };
    for sound in &sounds() {
        let spoken = model.spoken(sound).unwrap();
        let written: String = spoken.iter().map(|token| token.text.as_str()).collect();
        let segments = model.recognize(sound, &options).unwrap();
        let text: String = segments.iter().map(|segment| segment.text.as_str()).collect();
        let plain = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(plain(&text), plain(&written));
        let edges: Vec<f64> = segments
            .iter()
            .flat_map(|segment| &segment.words)
            .flat_map(|word| [word.start, word.end])
            .collect();
        assert!(edges.is_sorted(), "{edges:?}");
    }
}

#[test]
fn a_model_that_cannot_be_says_why() {
    for (path, value, problem) in [
        ("/encoder/subsampling", json!("striding"), "encoder.subsampling is `striding`"),
        ("/encoder/self_attention_model", json!("rel_pos_local_attn"), "`rel_pos` is supported"),
        ("/encoder/subsampling_factor", json!(6), "must be a power of 2"),
        ("/encoder/feat_in", json!(64), "the front end makes 80 mels"),
        ("/encoder/n_heads", json!(3), "a multiple of the heads"),
        ("/encoder/conv_kernel_size", json!(4), "the kernel odd"),
        ("/encoder/n_layers", json!(1), "encoder.layers.1"),
        ("/preprocessor/window", json!("kaiser"), "window `kaiser`"),
        ("/preprocessor/normalize", json!("all_features"), "normalize is `all_features`"),
        ("/preprocessor/sample_rate", json!(8000), "8000: 16000 is supported"),
        ("/joint/jointnet/activation", json!("gelu"), "activation `gelu`"),
    ] {
        let copy = copied("nemo-tdt", |config| *config.pointer_mut(path).unwrap() = value.clone());
        let message = Parakeet::load(&Source::path(copy.path()), None).err().unwrap().to_string();
        assert!(message.contains(problem), "{path}: {message}");
    }
}

#[test]
fn sound_that_is_hardly_any_has_a_result() {
    let options = RecognizeOptions::default();
    for name in ["nemo-tdt", "nemo-ctc", "parakeet-ctc", "parakeet-tdt"] {
        let model = load(name);
        assert_eq!(model.recognize(&[], &options).unwrap(), [], "{name}");
        for samples in [vec![0.5], vec![0.0; 200], vec![f32::NAN; 4000], vec![1e30; 4000]] {
            model.recognize(&samples, &options).unwrap();
        }
    }
}
