//! Voices against resemblyzer, clusters against scipy, and who spoke when in recordings put together.

use std::time::Instant;

use mlx_audio::speaker::{
    Diarization, DiarizeOptions, SpeakerEncoder, Speakers, amplified, diarize, linkage,
};
use mlx_audio::vad::{SegmentOptions, SileroVad};
use mlx_hub::Source;
use mlx_testkit::{Checkpoint, Golden, assets, max_abs};
use serde_json::json;

use crate::recordings::{golden, recording};

fn real() -> Option<SpeakerEncoder> {
    let path = assets::find("resemblyzer", "resemblyzer-pretrained.pt")?;
    Some(SpeakerEncoder::load(&Source::path(path.parent().unwrap())).unwrap())
}

#[test]
fn vectors_are_those_of_resemblyzer() {
    let Some(encoder) = real() else { return };
    let golden = Golden::open(golden("speaker.safetensors"));
    for name in golden.names().filter_map(|name| name.strip_prefix("whole/")) {
        let (group, file) = name.split_once('/').unwrap();
        let Some(samples) = recording(group, file) else { return };
        let (whole, parts) = (encoder.embed(&samples).unwrap(), encoder.parts(&samples).unwrap());
        for (kind, vector) in [("whole", &whole), ("first", &parts[0]), ("last", &parts[parts.len() - 1])] {
            let worst = max_abs(vector, &golden.f32(&format!("{kind}/{name}")));
            println!("{kind} of {name}: at most {worst:.1e} apart");
            assert!(worst < 1e-4, "{kind} {name}: {worst}");
        }
    }
    let Some(samples) = recording("speech", "fr_pangrama.wav") else { return };
    let quiet: Vec<f32> = samples.iter().map(|sample| sample / 50.0).collect();
    assert!(max_abs(&encoder.embed(&amplified(&quiet)).unwrap(), &golden.f32("quiet")) < 1e-4);
}

#[test]
fn odd_sound_has_a_defined_vector() {
    let Some(encoder) = real() else { return };
    let silence = encoder.embed(&[0.0; 16_000]).unwrap();
    assert!(silence.iter().all(|value| value.is_finite()));
    assert_eq!(encoder.embed(&[f32::NAN; 16_000]).unwrap(), silence);
    assert_eq!(encoder.parts(&[]).unwrap().len(), 1);
    assert_eq!(encoder.embed(&[0.5]).unwrap().len(), 256);
    assert_eq!(amplified(&[0.0; 3]), [0.0; 3]);
    assert!(amplified(&[]).is_empty());
}

#[test]
fn clusters_are_those_of_scipy() {
    let golden = Golden::open(golden("speaker.safetensors"));
    let width = golden.shape("vectors")[1];
    let vectors: Vec<Vec<f32>> = golden.f32("vectors").chunks(width).map(<[f32]>::to_vec).collect();
    let merges = linkage(&vectors);
    let numbers: Vec<i32> =
        merges.iter().flat_map(|m| [m.clusters[0], m.clusters[1], m.size].map(|n| n as i32)).collect();
    assert_eq!(numbers, golden.i32("merges"));
    let distances: Vec<f32> = merges.iter().map(|merge| merge.distance).collect();
    assert!(max_abs(&distances, &golden.f32("distances")) < 1e-5);
    assert!(linkage(&vectors[..1]).is_empty() && linkage(&[]).is_empty());
}

/// Recordings of different speakers after each other, with half a second of silence between them; where each begins and
/// ends, in seconds.
fn conversation(files: &[(&str, &str)]) -> Option<(Vec<f32>, Vec<[f64; 2]>)> {
    let (mut samples, mut spans) = (Vec::new(), Vec::new());
    for (group, file) in files {
        samples.extend([0.0; 8000]);
        let start = samples.len() as f64 / 16e3;
        samples.extend(amplified(&recording(group, file)?));
        spans.push([start, samples.len() as f64 / 16e3]);
    }
    Some((samples, spans))
}

const AUSTEN: (&str, &str) = ("librivox", "sense_and_sensibility_01_austen_64kb-0870.wav");
const AGAIN: (&str, &str) = ("librivox", "sense_and_sensibility_01_austen_64kb-0920.wav");
const CHINESE: (&str, &str) = ("speech", "zh_pangrama.wav");
const SPANISH: (&str, &str) = ("speech", "es_pangrama.wav");

fn told_apart(files: &[(&str, &str)], speakers: Speakers) -> Option<(Diarization, Vec<[f64; 2]>)> {
    let (encoder, vad) = (real()?, SileroVad::open(assets::find("silero-vad", "silero_vad.onnx")?).unwrap());
    let (samples, spans) = conversation(files)?;
    let speech = vad.segments(&samples, &SegmentOptions::default()).unwrap();
    let options = DiarizeOptions { speakers, ..DiarizeOptions::default() };
    Some((diarize(&encoder, &samples, &speech, &options).unwrap(), spans))
}

/// The share of the time of turns that a speaker other than `expected` has, of those whose recording it is.
fn wrong(found: &Diarization, spans: &[[f64; 2]], expected: &[usize]) -> f64 {
    let overlap = |[start, end]: [f64; 2], from: f64, to: f64| (end.min(to) - start.max(from)).max(0.0);
    let (mut wrong, mut total) = (0.0, 0.0);
    for (span, expected) in spans.iter().zip(expected) {
        for turn in &found.turns {
            let shared = overlap(*span, turn.start, turn.end);
            total += shared;
            wrong += if turn.speaker == *expected { 0.0 } else { shared };
        }
    }
    wrong / total
}

#[test]
fn a_speaker_who_comes_back_is_known_again() {
    let files = [AUSTEN, CHINESE, AGAIN];
    for speakers in [Speakers::Known(2), DiarizeOptions::default().speakers] {
        let Some((found, spans)) = told_apart(&files, speakers) else { return };
        println!("{}", found.rttm("test"));
        assert_eq!(found.speakers, 2, "{found:?}");
        assert!(wrong(&found, &spans, &[0, 1, 0]) < 0.02, "{found:?}");
    }
}

#[test]
fn three_speakers_are_three() {
    let Some((found, spans)) = told_apart(&[AUSTEN, CHINESE, SPANISH, AGAIN], Speakers::Known(3)) else {
        return;
    };
    println!("{}", found.rttm("test"));
    assert!(wrong(&found, &spans, &[0, 1, 2, 0]) < 0.1, "{found:?}");
}

#[test]
fn one_speaker_stays_one_and_silence_has_none() {
    let default = DiarizeOptions::default();
    let Some((found, _)) = told_apart(&[AUSTEN, AGAIN], default.speakers) else { return };
    assert_eq!(found.speakers, 1, "{found:?}");
    let Some(encoder) = real() else { return };
    let nobody = diarize(&encoder, &[0.0; 16_000], &[], &default).unwrap();
    assert_eq!((nobody.turns.len(), nobody.speakers), (0, 0));
    let beyond = diarize(&encoder, &[0.1; 1600], &[0..800, 5000..9000], &default).unwrap();
    assert_eq!(beyond.speakers, 1);
}

#[test]
fn options_out_of_range_are_named() {
    let Some(encoder) = real() else { return };
    let wrong = |speakers| {
        let options = DiarizeOptions { speakers, ..DiarizeOptions::default() };
        diarize(&encoder, &[], &[], &options).unwrap_err().to_string()
    };
    assert_eq!(wrong(Speakers::Known(0)), "speakers is 0: there must be at least one");
    assert!(wrong(Speakers::Apart(f32::NAN)).starts_with("speakers is NaN: "));
}

#[test]
fn other_checkpoints_are_refused_with_what_does_not_fit() {
    let folder = Checkpoint::new(json!({})).with("lstm.weight_ih_l0", &[1024, 40]).with("x", &[1]).write();
    let error = SpeakerEncoder::load(&Source::path(folder.path())).err().unwrap().to_string();
    assert!(
        error.contains("lstm.bias_hh_l2") && error.contains("linear.weight") && error.contains('x'),
        "{error}"
    );
    std::fs::write(folder.path().join("model.safetensors"), "").unwrap();
    let path = folder.path().join("voice.pt");
    std::fs::write(&path, "PK\x03\x04").unwrap();
    let error = SpeakerEncoder::open(&path).err().unwrap().to_string();
    assert!(error.ends_with("convert it to safetensors"), "{error}");
}

/// A measurement, which only says something in a release build.
#[test]
#[ignore = "measures"]
fn speed_of_diarization() {
    let files = [AUSTEN, CHINESE, AGAIN, SPANISH].repeat(8);
    let start = Instant::now();
    let Some((found, spans)) = told_apart(&files, Speakers::Known(3)) else { return };
    let length = spans[spans.len() - 1][1];
    println!("{} turns, {:.0} times real time", found.turns.len(), length / start.elapsed().as_secs_f64());
}
