//! Whisper in parts of a recording, and in noise that makes it write what no one said, against OpenAI's implementation.

use std::fs;
use std::path::Path;

use mlx_audio::Audio;
use mlx_audio::whisper::{TranscribeOptions, Whisper};
use mlx_hub::Source;
use mlx_testkit::assets;
use serde::Deserialize;

/// What OpenAI's implementation heard.
#[derive(Deserialize)]
struct Heard {
    options: Options,
    segments: Vec<(f64, f64, String)>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    clip_timestamps: Vec<f64>,
    hallucination_silence_threshold: Option<f64>,
}

/// Numbers that any language makes alike.
fn noise(seconds: usize, mut seed: u32, level: f64) -> impl Iterator<Item = f32> {
    (0..seconds * 16_000).map(move |_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (level * (f64::from(seed) / f64::from(1_u32 << 31) - 1.0)) as f32
    })
}

/// Silence, a sentence, noise, another sentence, and noise.
fn recording() -> Option<Vec<f32>> {
    let sentence = |number: &str| {
        let name = format!("sense_and_sensibility_01_austen_64kb-{number}.wav");
        Some(Audio::open_at(assets::find("librivox", &name)?, Whisper::RATE).unwrap())
    };
    let (first, second) = (sentence("0890")?, sentence("0880")?);
    let mut samples = vec![0.0; 3 * 16_000];
    samples.extend(first.samples());
    samples.extend(noise(15, 1, 0.03));
    samples.extend(second.samples());
    samples.extend(noise(25, 2, 0.03));
    Some(samples)
}

#[test]
fn parts_and_what_is_made_up_are_those_of_openai() {
    let (Some(model), Some(samples)) = (assets::find("whisper-tiny.en", "model.bin"), recording()) else {
        return;
    };
    let whisper = Whisper::load(&Source::path(model.parent().unwrap()), None).unwrap();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/whisper-clips.json");
    let heard: Vec<Heard> = serde_json::from_str(&fs::read_to_string(golden).unwrap()).unwrap();
    for Heard { options, segments } in heard {
        let all = TranscribeOptions {
            word_timestamps: true,
            temperature: vec![0.0],
            clip_timestamps: options.clip_timestamps.clone(),
            hallucination_silence_threshold: options.hallucination_silence_threshold,
            ..TranscribeOptions::default()
        };
        let found = whisper.transcribe(&samples, &all).unwrap().segments;
        let texts: Vec<_> = found.iter().map(|segment| segment.text.as_str()).collect();
        let expected: Vec<_> = segments.iter().map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(texts, expected, "{options:?}");
        for (found, (start, end, text)) in found.iter().zip(&segments) {
            let near = (found.start - start).abs() < 0.1 && (found.end - end).abs() < 0.1;
            assert!(near, "{options:?}, {text}: {} to {} for {start} to {end}", found.start, found.end);
        }
    }
}

#[test]
fn times_that_cannot_be_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/whisper");
    let whisper = Whisper::load(&Source::path(folder), None).unwrap();
    let refused =
        |options: TranscribeOptions| whisper.transcribe(&[0.0; 1600], &options).unwrap_err().to_string();
    for times in [vec![-1.0], vec![2.0, 1.0], vec![0.0, f64::NAN], vec![f64::INFINITY]] {
        let error = refused(TranscribeOptions { clip_timestamps: times, ..TranscribeOptions::default() });
        assert!(error.contains("clip_timestamps is"), "{error}");
    }
    let threshold = Some(f64::NAN);
    let options =
        TranscribeOptions { hallucination_silence_threshold: threshold, ..TranscribeOptions::default() };
    assert!(refused(options).contains("hallucination_silence_threshold is NaN"));
}
