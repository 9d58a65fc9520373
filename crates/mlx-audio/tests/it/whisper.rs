//! Whisper's arithmetic against transformers, its layouts, and what it refuses.

use std::collections::BTreeMap;
use std::f32::consts::TAU;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_audio::whisper::{TranscribeOptions, Whisper};
use mlx_core::{Array, Dtype, concatenate, io};
use mlx_hub::Source;
use mlx_testkit::{Golden, Tolerance, assert_close, relative_rms};

/// Spectrograms in single precision differ by more than what follows.
const SPECTRUM: f64 = 1e-4;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/whisper")
}

fn load(path: &Path) -> Whisper {
    Whisper::load(&Source::path(path), Some(Dtype::Float32)).unwrap()
}

/// Two tones, one of which grows.
fn sound(samples: usize) -> Vec<f32> {
    let tone = |at: usize| {
        let time = at as f64 / 16_000.0;
        let wave = |hertz: f64| (f64::from(TAU) * hertz * time).sin();
        (0.3 * wave(440.0) + 0.1 * time * wave(1250.0)) as f32
    };
    (0..samples).map(tone).collect()
}

fn numbers(array: &Array) -> Vec<f32> {
    array.to_vec().unwrap()
}

#[test]
fn states_and_scores_are_those_of_transformers() {
    let (whisper, golden) = (load(&folder()), Golden::open(folder().join("expected.safetensors")));
    let sound = sound(3 * 16_000);
    let hidden = whisper.hidden(&sound).unwrap();
    let every = Array::arange(0..60).unwrap() * 25;
    let some = hidden.take(&every.unwrap(), 0).unwrap();
    assert!(relative_rms(&numbers(&some), &golden.f32("hidden")) < SPECTRUM);
    let tokens = golden.u32("tokens");
    let whole = whisper.hear(&sound).unwrap().logits(&tokens).unwrap();
    assert!(relative_rms(&numbers(&whole), &golden.f32("logits")) < SPECTRUM);
    let mut hearing = whisper.hear(&sound).unwrap();
    let (first, rest) = tokens.split_at(3);
    let mut steps = vec![hearing.logits(first).unwrap()];
    steps.extend(rest.iter().map(|&token| hearing.logits(&[token]).unwrap()));
    let steps = numbers(&concatenate(&steps, 0).unwrap());
    assert!(relative_rms(&steps, &golden.f32("logits")) < SPECTRUM);
    assert_close(&steps, &numbers(&whole), Tolerance::F32);
}

/// The checkpoint in the words of OpenAI and MLX.
fn in_words_of_mlx(name: &str) -> String {
    let pairs = [
        ("model.", ""),
        (".layers.", ".blocks."),
        ("encoder_attn_layer_norm", "cross_attn_ln"),
        ("self_attn_layer_norm", "attn_ln"),
        ("final_layer_norm", "mlp_ln"),
        ("encoder_attn", "cross_attn"),
        ("self_attn", "attn"),
        ("q_proj", "query"),
        ("k_proj", "key"),
        ("v_proj", "value"),
        ("out_proj", "out"),
        ("fc1", "mlp1"),
        ("fc2", "mlp2"),
        ("encoder.layer_norm", "encoder.ln_post"),
        ("decoder.layer_norm", "decoder.ln"),
        ("embed_tokens", "token_embedding"),
        ("decoder.embed_positions.weight", "decoder.positional_embedding"),
    ];
    pairs.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to))
}

#[test]
fn a_checkpoint_of_mlx_is_read_as_one_of_transformers() {
    let copy = tempfile::tempdir().unwrap();
    let mut arrays: BTreeMap<_, _> = io::load_safetensors(folder().join("model.safetensors")).unwrap().arrays;
    arrays.remove("model.encoder.embed_positions.weight").unwrap();
    let arrays: Vec<_> = arrays
        .iter()
        .map(|(name, array)| {
            let of_conv = name.contains("conv") && array.ndim() == 3;
            let array = if of_conv { array.transpose([0, 2, 1]).unwrap() } else { array.clone() };
            (in_words_of_mlx(name), array)
        })
        .chain([("alignment_heads".to_owned(), Array::from([[1, 0], [1, 1]]))])
        .collect();
    let named = arrays.iter().map(|(name, array)| (name.as_str(), array));
    io::save_safetensors(copy.path().join("weights.safetensors"), named, &BTreeMap::new()).unwrap();
    fs::copy(folder().join("tokenizer.json"), copy.path().join("tokenizer.json")).unwrap();
    let config = serde_json::json!({
        "model_type": "whisper", "n_mels": 80, "n_audio_ctx": 1500, "n_audio_state": 8, "n_audio_head": 2,
        "n_audio_layer": 2, "n_vocab": 1766, "n_text_ctx": 64, "n_text_state": 8, "n_text_head": 2, "n_text_layer": 2,
    });
    fs::write(copy.path().join("config.json"), config.to_string()).unwrap();
    let scores =
        |whisper: Whisper| numbers(&whisper.hear(&sound(16_000)).unwrap().logits(&[257, 264]).unwrap());
    assert_close(&scores(load(copy.path())), &scores(load(&folder())), Tolerance::F16);
    // The positions of MLX are computed, those of transformers were stored as halves.
}

#[test]
fn sound_that_is_hardly_any_has_a_result() {
    let whisper = load(&folder());
    let options = TranscribeOptions { temperature: vec![0.0], beam_size: 1, ..TranscribeOptions::default() };
    let transcribe = |samples: &[f32]| whisper.transcribe(samples, &options).unwrap();
    assert_eq!(transcribe(&[]).segments, []);
    assert_eq!(transcribe(&[0.5]).segments, []);
    for samples in [vec![0.0; 16_000], vec![f32::NAN; 16_000], vec![f32::INFINITY; 16_000]] {
        let found = transcribe(&samples);
        assert!(found.segments.iter().all(|segment| segment.start <= segment.end && segment.end <= 30.0));
    }
}

#[test]
fn what_cannot_be_is_one_clear_error() {
    let whisper = load(&folder());
    let refused =
        |options: TranscribeOptions| whisper.transcribe(&sound(1600), &options).unwrap_err().to_string();
    let plain = TranscribeOptions::default;
    let german = refused(TranscribeOptions { language: Some("de".into()), ..plain() });
    assert!(german.contains("only to transcribe English"), "{german}");
    let hot = refused(TranscribeOptions { temperature: vec![f32::NAN], ..plain() });
    assert!(hot.contains("temperature is NaN"), "{hot}");
    let none = refused(TranscribeOptions { beam_size: 0, ..plain() });
    assert!(none.contains("beam_size is 0"), "{none}");
    let mut hearing = whisper.hear(&sound(1600)).unwrap();
    let outside = hearing.logits(&[1766]).unwrap_err().to_string();
    assert!(outside.contains("the vocabulary has 1766"), "{outside}");
    let many = hearing.logits(&[1; 65]).unwrap_err().to_string();
    assert!(many.contains("room for 1 to 64"), "{many}");
}

#[test]
fn a_segment_comes_as_soon_as_its_window_is_done() {
    let whisper = load(&folder());
    let options = TranscribeOptions {
        temperature: vec![0.0],
        beam_size: 1,
        no_speech_threshold: None,
        ..TranscribeOptions::default()
    };
    let sound = sound(95 * 16_000);
    let mut transcription = whisper.transcription(&sound[..], &options).unwrap();
    assert!((transcription.duration() - 95.0).abs() < 1e-9);
    let first = transcription.next().unwrap().unwrap();
    assert!(first.start < 30.0 && transcription.position() <= 30.0);
    let rest = transcription.finish().unwrap().segments;
    let starts: Vec<_> = rest.iter().map(|segment| segment.start).collect();
    assert!(starts.is_sorted(), "{starts:?}");
}
