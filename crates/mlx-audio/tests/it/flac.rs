//! FLAC files that are written are read back by another decoder, exactly.

use std::fs;
use std::path::Path;

use md5::{Digest, Md5};
use mlx_audio::{Audio, FlacWriter, SoundWriter, WavFormat};
use tempfile::tempdir;

use crate::sounds::{noise, numbers, tone};
use crate::writing::rounded;

fn bits(format: WavFormat) -> i32 {
    if format == WavFormat::I16 { 16 } else { 24 }
}

#[track_caller]
fn assert_comes_back(what: &str, path: &Path, audio: &Audio, format: WavFormat) {
    audio.save(path, format).unwrap();
    let back = Audio::open(path).unwrap();
    assert_eq!((back.rate(), back.channels()), (audio.rate(), audio.channels()), "{what}");
    assert_eq!(back.samples(), rounded(audio.samples(), bits(format)), "{what}");
}

/// Sound of every kind: what is predicted well and badly, what is the same, what is as loud as can be.
fn kinds(length: usize) -> Vec<(&'static str, Vec<f32>)> {
    let loud = |at: usize| {
        if numbers(at as u64).next().is_some_and(|number| number.is_multiple_of(2)) { 1.0 } else { -1.0 }
    };
    let mut sparse = vec![0.0; length];
    sparse.iter_mut().step_by(97).for_each(|sample| *sample = 0.9);
    let ramp = |at: usize| ((at % 200) as f32 - 100.0) / 128.0;
    let mixed = tone(length, 441.0, 44_100.0)
        .into_iter()
        .zip(noise(length, 5))
        .map(|(tone, noise)| tone + noise / 50.0);
    vec![
        ("noise", noise(length, 3)),
        ("tone", tone(length, 441.0, 44_100.0)),
        ("tone in noise", mixed.collect()),
        ("silence", vec![0.0; length]),
        ("the same", vec![-0.7; length]),
        ("sparse", sparse),
        ("ramp", (0..length).map(ramp).collect()),
        ("loud", (0..length).map(loud).collect()),
        ("in turn", (0..length).map(|at| if at % 2 == 0 { 1.0 } else { -1.0 }).collect()),
    ]
}

#[test]
fn sound_of_every_kind_and_length_comes_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.flac");
    for format in [WavFormat::I16, WavFormat::I24] {
        for length in [1, 2, 5, 15, 64, 4095, 4096, 4097, 9000] {
            for (kind, samples) in kinds(length) {
                let audio = Audio::new(samples, 1, 44_100).unwrap();
                assert_comes_back(&format!("{length} of {kind} in {format:?}"), &path, &audio, format);
            }
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn all_numbers_of_channels_come_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.flac");
    for format in [WavFormat::I16, WavFormat::I24] {
        for channels in 1..=8 {
            for (kind, samples) in kinds(4500 * channels) {
                let audio = Audio::new(samples, channels, 48_000).unwrap();
                assert_comes_back(&format!("{channels} of {kind}"), &path, &audio, format);
            }
        }
    }
}

#[test]
fn two_channels_are_written_together() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.flac");
    let size = |pairs: &dyn Fn(f32, f32) -> [f32; 2]| {
        let (one, other) = (noise(20_000, 1), noise(20_000, 2));
        let samples = one.iter().zip(&other).flat_map(|(&one, &other)| pairs(one, other)).collect();
        let audio = Audio::new(samples, 2, 48_000).unwrap();
        assert_comes_back("pairs", &path, &audio, WavFormat::I16);
        fs::metadata(&path).unwrap().len() as f64
    };
    let apart = size(&|one, other| [one, other]);
    // Where one is a thousand times softer than the other: the middle and the difference, or one of them and a channel.
    assert!(size(&|one, _| [one, one]) < 0.52 * apart);
    assert!(size(&|one, other| [one + other / 1000.0, one - other / 1000.0]) < 0.72 * apart);
    assert!(size(&|one, other| [one, one + other / 1000.0]) < 0.72 * apart);
    assert!(size(&|one, other| [one + other / 1000.0, one]) < 0.72 * apart);
    // What both have in common is a tone, and what they differ in is noise.
    let mixed = |noise: &dyn Fn(usize) -> [f32; 2]| {
        let tones = tone(20_000, 100.0, 48_000.0).into_iter().enumerate();
        let samples = tones.flat_map(|(at, tone)| noise(at).map(|noise| tone + noise / 100.0)).collect();
        let audio = Audio::new(samples, 2, 48_000).unwrap();
        assert_comes_back("mixed", &path, &audio, WavFormat::I16);
        fs::metadata(&path).unwrap().len() as f64
    };
    let (one, other) = (noise(20_000, 1), noise(20_000, 2));
    assert!(mixed(&|at| [one[at], -one[at]]) < 0.85 * mixed(&|at| [one[at], other[at]]));
}

#[test]
fn what_is_predicted_takes_little() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.flac");
    let size = |samples: &[f32], format| {
        Audio::new(samples.to_vec(), 1, 44_100).unwrap().save(&path, format).unwrap();
        fs::metadata(&path).unwrap().len()
    };
    let length = 20 * 4096;
    let plain = 2 * length as u64;
    assert!(size(&vec![0.3; length], WavFormat::I16) < 400);
    assert!(size(&tone(length, 100.0, 44_100.0), WavFormat::I16) < plain / 4);
    assert!(size(&noise(length, 9), WavFormat::I16) < plain + 1000);
    // Half of it is loud: each part has a parameter of its own.
    let mut uneven = noise(length, 9);
    let soft = uneven.chunks_mut(64).step_by(2).flatten();
    soft.for_each(|sample| *sample /= 1000.0);
    assert!(size(&uneven, WavFormat::I16) < plain * 7 / 10);
    // What has 16 bits takes no more with 24.
    let coarse = rounded(&noise(length, 9), 16);
    assert!(size(&coarse, WavFormat::I24) < size(&coarse, WavFormat::I16) + 1000);
}

#[test]
fn the_file_says_what_is_in_it() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.flac");
    let samples = noise(2 * 5000, 4);
    let mut writer = FlacWriter::create(&path, 2, 44_100, WavFormat::I24).unwrap();
    samples.chunks(333).for_each(|part| writer.write(part).unwrap());
    assert!(!path.exists());
    writer.finish().unwrap();
    let bytes = fs::read(&path).unwrap();
    assert_eq!(&bytes[..8], b"fLaC\x80\0\0\x22");
    let number =
        |from: usize, to: usize| bytes[from..to].iter().fold(0_u64, |all, &byte| all << 8 | u64::from(byte));
    assert_eq!((number(8, 10), number(10, 12)), (4096, 4096));
    let (shortest, longest) = (number(12, 15) as usize, number(15, 18) as usize);
    assert_eq!(42 + shortest + longest, bytes.len());
    assert!(shortest < longest);
    assert_eq!(number(18, 26), 44_100 << 44 | 1 << 41 | 23 << 36 | 5000);
    let integers = rounded(&samples, 24).into_iter().map(|sample| (sample * 8_388_608.0) as i32);
    let little: Vec<u8> = integers.flat_map(|sample| sample.to_le_bytes().into_iter().take(3)).collect();
    assert_eq!(bytes[26..42], Md5::digest(&little)[..]);
    // The same in one piece.
    let whole = folder.path().join("b.FLAC");
    Audio::new(samples, 2, 44_100).unwrap().save(&whole, WavFormat::I24).unwrap();
    assert_eq!(fs::read(whole).unwrap(), bytes);
}

#[test]
fn every_rate_and_many_frames_come_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.flac");
    let rates =
        [1, 8000, 11_025, 16_000, 24_000, 44_100, 48_000, 65_535, 65_537, 88_200, 96_000, 192_000, 352_800];
    for rate in rates.into_iter().chain([123_457, 655_350]) {
        let audio = Audio::new(noise(5000, 6), 1, rate).unwrap();
        assert_comes_back(&format!("{rate} Hz"), &path, &audio, WavFormat::I16);
    }
    let audio = Audio::new(tone(130 * 4096, 50.0, 44_100.0), 1, 44_100).unwrap();
    assert_comes_back("130 frames", &path, &audio, WavFormat::I16);
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.flac");
    let refused =
        |channels, rate, format| FlacWriter::create(&path, channels, rate, format).err().unwrap().to_string();
    assert_eq!(refused(9, 8000, WavFormat::I16), "channels is 9: a FLAC file has 1 to 8");
    assert_eq!(refused(0, 8000, WavFormat::I16), "channels is 0: a FLAC file has 1 to 8");
    assert!(refused(1, 0, WavFormat::I16).starts_with("rate is 0"));
    assert!(refused(1, 655_351, WavFormat::I16).starts_with("rate is 655351"));
    assert!(refused(1, 8000, WavFormat::F32).contains("WAV"));
    let mut writer = FlacWriter::create(&path, 2, 8000, WavFormat::I16).unwrap();
    writer.write(&[0.0; 3]).unwrap();
    let message = writer.finish().unwrap_err().to_string();
    assert_eq!(message, "channels is 2: 3 samples cannot be shared among them");
    drop(FlacWriter::create(&path, 2, 8000, WavFormat::I16).unwrap());
    let other = folder.path().join("a.mp3");
    let message = SoundWriter::create(&other, 1, 8000, WavFormat::I16).err().unwrap().to_string();
    assert!(message.contains("a.mp3") && message.contains(".flac"), "{message}");
    assert!(SoundWriter::knows("a.Wav") && SoundWriter::knows("b.flac") && !SoundWriter::knows("flac"));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
