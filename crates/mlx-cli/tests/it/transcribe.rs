//! `mlx transcribe`, and what else speech has commands for.

use std::fs;
use std::path::PathBuf;

use mlx_core::io;
use mlx_testkit::assets;
use serde_json::Value;

use crate::program::mlx;

/// A model of random numbers.
fn random() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../mlx-audio/tests/golden/whisper").display().to_string()
}

/// A real model and a recording, if they have been fetched.
fn real() -> Option<[String; 2]> {
    let model = assets::find("whisper-tiny.en", "model.bin")?;
    let recording = assets::find("speech", "en_counting.wav")?;
    Some([model.parent()?.display().to_string(), recording.display().to_string()])
}

#[test]
fn a_recording_becomes_text_json_and_subtitles() {
    let Some([model, recording]) = real() else { return };
    let run = |more: &[&str]| {
        let run = mlx(&[&["transcribe", "--model", &model, &recording], more].concat());
        assert!(run.ok, "{}", run.err);
        run.out
    };
    let text = run(&[]);
    assert!(text.to_lowercase().contains("three"), "{text}");
    let json: Value = serde_json::from_str(&run(&["--format", "json", "--word-timestamps"])).unwrap();
    assert_eq!(json["text"], text.trim());
    let words = json["segments"][0]["words"].as_array().unwrap();
    assert!(words.len() > 3 && words[0]["start"].as_f64() < words[1]["end"].as_f64());
    let srt = run(&["--format", "srt", "--beam-size", "1"]);
    assert!(srt.starts_with("1\n00:00:0") && srt.contains(" --> "), "{srt}");
}

#[test]
fn several_recordings_become_a_file_each() {
    let Some([model, recording]) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("texts").display().to_string();
    let run =
        mlx(&["transcribe", "--model", &model, &recording, &recording, "--output-dir", &out, "-f", "vtt"]);
    assert!(run.ok && run.out.is_empty(), "{}", run.err);
    let names: Vec<_> = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["en_counting.vtt"]);
}

#[test]
fn speech_is_found_and_heard_alone() {
    let (Some([model, recording]), Some(vad)) =
        (real(), assets::find("silero-vad", "silero_vad_16k.safetensors"))
    else {
        return;
    };
    let vad = vad.parent().unwrap().display().to_string();
    let run = mlx(&["vad", "--model", &vad, &recording, "--json"]);
    assert!(run.ok, "{}", run.err);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert!(found["probabilities"].as_array().unwrap().len() > 50);
    let lines = mlx(&["vad", "--model", &vad, &recording]).out.lines().count();
    assert_eq!(found["segments"].as_array().unwrap().len(), lines);
    let run = mlx(&["transcribe", "--model", &model, &recording, "--vad-model", &vad]);
    assert!(run.ok && run.out.to_lowercase().contains("three"), "{} {}", run.out, run.err);
    let run = mlx(&["vad", "--model", &vad, &recording, "--min-speech=-1"]);
    assert!(!run.ok && run.err.contains("--min-speech -1"), "{}", run.err);
}

#[test]
fn scores_and_states_of_a_recording_are_written() {
    let Some([_, recording]) = real() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.safetensors").display().to_string();
    let tokens = ["--tokens", "257,264", "--continue", "40,41,42", "--audio", &recording, "--output", &file];
    let run = mlx(&[&["logits", "--model", &random()], &tokens[..]].concat());
    assert!(run.ok, "{}", run.err);
    let arrays = io::load_safetensors(&file).unwrap().arrays;
    assert_eq!((arrays["prefill"].shape(), arrays["decode"].shape()), (&[2, 1766][..], &[3, 1766][..]));
    let run = mlx(&["encode", "--model", &random(), &recording, "--output", &file]);
    assert!(run.ok, "{}", run.err);
    assert_eq!(io::load_safetensors(&file).unwrap().arrays["hidden"].shape(), [1500, 8]);
}

#[test]
fn what_is_no_recording_is_one_error() {
    let text = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let run = mlx(&["transcribe", "--model", &random(), text]);
    assert!(!run.ok && run.err.lines().count() == 1 && run.err.contains("Cargo.toml"), "{}", run.err);
    let run = mlx(&["transcribe", "--model", &random(), "missing.wav"]);
    assert!(!run.ok && run.err.contains("missing.wav"), "{}", run.err);
    let run = mlx(&["transcribe", "--model", &random(), text, "--format", "pdf"]);
    assert!(!run.ok && run.err.contains("known are txt, json, srt, vtt, tsv"), "{}", run.err);
}

#[test]
fn what_is_asked_of_recordings_is_not_asked_of_a_microphone() {
    for more in [&["a.wav"][..], &["--format", "srt"], &["--output-dir", "texts"], &["--stats"]] {
        let run = mlx(&[&["transcribe", "--model", "none", "--microphone"], more].concat());
        assert!(!run.ok && run.err.contains("cannot be used with"), "{more:?}: {}", run.err);
    }
    let run = mlx(&["transcribe", "--model", "none", "a.wav", "--seconds", "3"]);
    assert!(!run.ok && run.err.contains("cannot be used with"), "{}", run.err);
}

#[test]
#[cfg(not(feature = "audio-io"))]
fn a_program_without_microphones_says_how_to_build_one_with_them() {
    let run = mlx(&["transcribe", "--model", "none", "--microphone=USB"]);
    let wanted =
        "--microphone: this `mlx` was built without microphones; build it with `--features audio-io`";
    assert!(!run.ok && run.err.lines().count() == 1 && run.err.contains(wanted), "{}", run.err);
}

#[test]
fn models_for_ctc_have_scores_and_states_of_frames_and_refuse_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (recording, file) = (path("tone.wav"), path("a.safetensors"));
    let tone: Vec<f32> = (0..16_000).map(|at| (at as f32 * 0.1).sin() * 0.3).collect();
    let audio = mlx_audio::Audio::new(tone, 1, 16_000).unwrap();
    audio.save(&recording, mlx_audio::WavFormat::F32).unwrap();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mlx-audio/tests/golden/recognizer");
    let model = root.join("wav2vec2-base").display().to_string();
    let run = mlx(&["logits", "--model", &model, "--audio", &recording, "--output", &file]);
    assert!(run.ok, "{}", run.err);
    let scores = io::load_safetensors(&file).unwrap().arrays;
    assert_eq!((scores.len(), scores["prefill"].shape()), (1, &[799, 12][..]));
    let run = mlx(&["encode", "--model", &model, &recording, "--output", &file]);
    assert!(run.ok, "{}", run.err);
    assert_eq!(io::load_safetensors(&file).unwrap().arrays["hidden"].shape(), [799, 24]);
    let run = mlx(&["transcribe", "--model", &model, &recording, "--format", "json", "--word-timestamps"]);
    assert!(run.ok, "{}", run.err);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert!(found["segments"][0]["words"][0]["end"].as_f64().unwrap() <= 1.0, "{found}");
    for (more, problem) in [
        (&["--beam-size", "5"][..], "beam_size is 5: wav2vec2 has no such option"),
        (&["--language", "de"], "language is de: wav2vec2 has no such option"),
        (&["--task", "translate"], "task is translate: wav2vec2 has no such option"),
    ] {
        let run = mlx(&[&["transcribe", "--model", &model, &recording], more].concat());
        assert!(!run.ok && run.err.lines().count() == 1 && run.err.contains(problem), "{}", run.err);
    }
    let tokens = ["logits", "--model", &model, "--audio", &recording, "--tokens", "1", "--output", &file];
    let run = mlx(&tokens);
    assert!(!run.ok && run.err.contains("--tokens: this model has scores of frames"), "{}", run.err);
    let run = mlx(&["logits", "--model", &random(), "--audio", &recording, "--output", &file]);
    assert!(!run.ok && run.err.contains("give tokens"), "{}", run.err);
}
