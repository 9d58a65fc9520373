//! Silero VAD against its own ONNX model and its Python package.

use std::time::{Duration, Instant};

use mlx_audio::vad::{SegmentOptions, SileroVad, VadEvent, segments};
use mlx_hub::Source;
use mlx_testkit::{Checkpoint, Golden, assets, cases, max_abs};
use serde_json::{Value, json};

use crate::recordings::{golden, recording};

fn real() -> Option<SileroVad> {
    Some(SileroVad::open(assets::find("silero-vad", "silero_vad.onnx")?).unwrap())
}

/// The recordings at 16 kHz, and what the ONNX model makes of them, or another under `prefix`.
fn heard(prefix: &str) -> Vec<(Vec<f32>, Vec<f32>)> {
    let golden = Golden::open(golden("silero.safetensors"));
    let one = |name: &str| {
        let (group, file) =
            name.strip_prefix(prefix)?.split_once('/').filter(|(_, file)| !file.contains('/'))?;
        Some((recording(group, file)?, golden.f32(name)))
    };
    golden.names().filter_map(one).collect()
}

fn agrees(vad: &SileroVad, samples: &[f32], expected: &[f32]) {
    let worst = max_abs(&vad.probabilities(samples), expected);
    println!("{} windows, at most {worst:.1e} apart", expected.len());
    assert!(worst < 1e-4, "{worst}");
}

fn milliseconds(options: &Value, name: &str) -> Option<Duration> {
    options.get(name).map(|value| Duration::from_millis(value.as_u64().unwrap()))
}

fn options(given: &Value) -> SegmentOptions {
    let default = SegmentOptions::default();
    SegmentOptions {
        threshold: given["threshold"].as_f64().unwrap_or(default.threshold),
        neg_threshold: given["neg_threshold"].as_f64(),
        min_speech: milliseconds(given, "min_speech_duration_ms").unwrap_or(default.min_speech),
        max_speech: given["max_speech_duration_s"].as_f64().map(Duration::from_secs_f64),
        min_silence: milliseconds(given, "min_silence_duration_ms").unwrap_or(default.min_silence),
        min_silence_at_max_speech: milliseconds(given, "min_silence_at_max_speech")
            .unwrap_or(default.min_silence_at_max_speech),
        speech_pad: milliseconds(given, "speech_pad_ms").unwrap_or(default.speech_pad),
    }
}

#[test]
fn probabilities_are_those_of_the_onnx_model() {
    let Some(vad) = real() else { return };
    assert_eq!((vad.rate(), vad.window()), (16_000, 512));
    for (samples, expected) in heard("") {
        agrees(&vad, &samples, &expected);
    }
}

#[test]
fn probabilities_at_8_khz_are_those_of_the_onnx_model() {
    let Some(path) = assets::find("silero-vad", "silero_vad.onnx") else { return };
    let vad = SileroVad::open_at(path, 8000).unwrap();
    assert_eq!((vad.rate(), vad.window()), (8000, 256));
    for (samples, expected) in heard("8k/") {
        agrees(&vad, &samples.into_iter().step_by(2).collect::<Vec<_>>(), &expected);
    }
}

#[test]
fn the_safetensors_file_is_read_and_has_one_rate() {
    let Some(path) = assets::find("silero-vad", "silero_vad_16k.safetensors") else { return };
    let vad = SileroVad::open(&path).unwrap();
    for (samples, expected) in heard("safetensors/") {
        agrees(&vad, &samples, &expected);
    }
    let error = SileroVad::open_at(path, 8000).err().unwrap().to_string();
    assert!(error.ends_with("holds the network for 16000 Hz, not for 8000 Hz"), "{error}");
}

#[test]
fn a_stream_gives_the_same_bits_in_parts_of_any_length() {
    let Some(vad) = real() else { return };
    for (samples, _) in heard("") {
        let whole = vad.probabilities(&samples);
        for part in [1, 511, 512, 4000] {
            let mut stream = vad.stream();
            let mut streamed: Vec<f32> =
                samples.chunks(part).flat_map(|samples| stream.probabilities(samples)).collect();
            streamed.extend(stream.rest());
            assert_eq!(streamed, whole, "{part}");
        }
    }
}

#[test]
fn segments_are_those_of_the_package() {
    for case in cases(golden("speech_segments.json")) {
        let thousandths = case["probabilities"].as_array().unwrap();
        let probabilities: Vec<f32> =
            thousandths.iter().map(|p| (p.as_f64().unwrap() / 1000.0) as f32).collect();
        let [rate, length] = ["rate", "length"].map(|name| case[name].as_u64().unwrap() as usize);
        let found = segments(&probabilities, length, rate as u32, &options(&case["options"])).unwrap();
        let found: Vec<_> = found.into_iter().map(|range| json!([range.start, range.end])).collect();
        assert_eq!(Value::from(found), case["segments"], "{} {length}", case["options"]);
    }
}

#[test]
fn real_speech_is_found_and_all_of_it_is_in_one_activity() {
    let (Some(vad), Some(samples)) = (real(), recording("speech", "en_counting.wav")) else { return };
    let mut quiet = vec![0.0; 32_000];
    quiet.extend_from_slice(&samples);
    quiet.extend([0.0; 32_000]);
    let activity = vad.detect(&quiet, &SegmentOptions::default()).unwrap();
    let (first, last) = (activity.segments[0], activity.segments[activity.segments.len() - 1]);
    assert!(first.start > 1.9 && last.end < 5.2 && activity.probabilities.len() == quiet.len().div_ceil(512));
    let json = serde_json::to_value(&activity).unwrap();
    assert_eq!(json["segments"][0]["start"], first.start);
}

#[test]
fn events_are_the_segments_without_what_looks_ahead() {
    let Some(vad) = real() else { return };
    let Some(speech) = recording("speech", "en_counting.wav") else { return };
    let mut samples = speech.clone();
    samples.extend([0.0; 16_000]);
    samples.extend_from_slice(&speech);
    let options = SegmentOptions { min_speech: Duration::ZERO, ..SegmentOptions::default() };
    let mut stream = vad.stream_with(options).unwrap();
    let mut events: Vec<VadEvent> = samples.chunks(700).flat_map(|part| stream.push(part)).collect();
    events.extend(stream.finish());
    let segments = vad.segments(&samples, &options).unwrap();
    let expected: Vec<VadEvent> =
        segments.iter().flat_map(|range| [VadEvent::Start(range.start), VadEvent::End(range.end)]).collect();
    assert_eq!(events, expected);
    assert!(stream.finish().is_empty());
}

#[test]
fn pieces_hold_all_speech_and_none_is_too_long() {
    let (Some(vad), Some(speech)) = (real(), recording("speech", "en_counting.wav")) else { return };
    let mut samples = Vec::new();
    for pause in [0, 9000, 60_000, 16_000, 200_000, 8000] {
        samples.extend(vec![0.0; pause]);
        samples.extend_from_slice(&speech);
    }
    let options = SegmentOptions::default();
    let segments = vad.segments(&samples, &options).unwrap();
    let pieces = vad.pieces(&samples, &options, Duration::from_secs(8)).unwrap();
    assert!(pieces.len() < segments.len() && pieces.len() > 1, "{pieces:?} of {segments:?}");
    assert!(pieces.iter().all(|piece| piece.len() <= 8 * 16_000 && piece.end <= samples.len()));
    for segment in segments {
        assert!(pieces.iter().any(|piece| piece.start <= segment.start && segment.end <= piece.end));
    }
}

#[test]
fn odd_sound_has_defined_probabilities() {
    let Some(vad) = real() else { return };
    assert!(vad.probabilities(&[]).is_empty());
    assert!(vad.segments(&[], &SegmentOptions::default()).unwrap().is_empty());
    assert_eq!(vad.probabilities(&[0.5]).len(), 1);
    let silence = vad.probabilities(&[0.0; 16_000]);
    assert!(silence.iter().all(|&probability| probability < 0.1));
    assert_eq!(vad.probabilities(&[f32::NAN; 16_000]), silence);
    for odd in [f32::INFINITY, f32::MAX, -1e30] {
        let samples: Vec<f32> = (0..16_000).map(|at| if at % 3 == 0 { odd } else { 0.1 }).collect();
        let probabilities = vad.probabilities(&samples);
        assert!(probabilities.iter().all(|probability| (0.0..=1.0).contains(probability)), "{odd}");
    }
}

#[test]
fn options_out_of_range_are_named() {
    let wrong = |options: SegmentOptions| segments(&[0.5], 512, 16_000, &options).unwrap_err().to_string();
    let default = SegmentOptions::default();
    assert!(wrong(SegmentOptions { threshold: 1.5, ..default }).starts_with("threshold is 1.5: "));
    assert!(wrong(SegmentOptions { threshold: f64::NAN, ..default }).starts_with("threshold is NaN: "));
    assert!(
        wrong(SegmentOptions { neg_threshold: Some(-0.1), ..default }).starts_with("neg_threshold is -0.1")
    );
    let short = wrong(SegmentOptions { max_speech: Some(Duration::from_millis(92)), ..default });
    assert_eq!(short, "max_speech is 92ms: it has to be more than 92ms, twice speech_pad and a window");
}

#[test]
fn other_checkpoints_are_refused_with_what_does_not_fit() {
    let folder = Checkpoint::new(json!({})).with("stft_conv.weight", &[258, 1, 256]).with("x", &[1]).write();
    let error = SileroVad::load(&Source::path(folder.path())).err().unwrap().to_string();
    assert!(
        error.contains("conv1.weight") && error.contains("lstm_cell.bias_hh") && error.contains('x'),
        "{error}"
    );
    let folder = Checkpoint::new(json!({})).with("stft_conv.weight", &[258, 1, 100]).write();
    let error = SileroVad::load(&Source::path(folder.path())).err().unwrap().to_string();
    assert!(error.contains("[258, 1, 100]") && error.contains("8 kHz"), "{error}");
}

/// A measurement, which only says something in a release build.
#[test]
#[ignore = "measures"]
fn speed() {
    let (Some(vad), Some(speech)) = (real(), recording("speech", "en_counting.wav")) else { return };
    let samples: Vec<f32> = speech.iter().copied().cycle().take(600 * 16_000).collect();
    for _ in 0..3 {
        let start = Instant::now();
        let count = vad.probabilities(&samples).len();
        println!("{count} windows: {:.0} times real time", 600.0 / start.elapsed().as_secs_f64());
    }
    let (mut stream, start) = (vad.stream(), Instant::now());
    let count: usize = samples.chunks(512).map(|part| stream.probabilities(part).len()).sum();
    println!("{count} windows one by one: {:.0} times real time", 600.0 / start.elapsed().as_secs_f64());
}
