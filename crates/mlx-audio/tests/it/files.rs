//! Files hold what libsndfile and ffmpeg hear in them.

use std::fs;
use std::time::Duration;

use mlx_audio::{Audio, AudioReader, WavEncoder, WavFormat};
use tempfile::tempdir;

use crate::sounds::{assert_near, golden, noise, path};

#[test]
fn files_without_loss_hold_their_samples() {
    let expected = golden("files").f32("coarse");
    for name in [
        "u8.wav", "i16.wav", "i24.wav", "i32.wav", "f32.wav", "f64.wav", "i16.aiff", "i24.aiff", "i16.caf",
        "i16.flac", "i24.flac",
    ] {
        let audio = Audio::open(path("files").join(name)).unwrap();
        assert_eq!((audio.rate(), audio.channels(), audio.frames()), (8000, 2, 300), "{name}");
        assert_eq!(audio.samples(), expected, "{name}");
    }
}

#[test]
fn companded_files_are_those_of_libsndfile() {
    for name in ["alaw.wav", "ulaw.wav"] {
        let audio = Audio::open(path("files").join(name)).unwrap();
        assert_near(audio.samples(), &golden("files").f32(name), 1e-6);
    }
}

#[test]
fn encoded_files_are_what_ffmpeg_hears() {
    let golden = golden("files");
    for (name, rate, frames, within) in [
        ("mp3.mp3", 16_000, 2080, 1e-4),
        ("vorbis.ogg", 16_000, 2080, 1e-4),
        ("vorbis.mka", 16_000, 2304, 1e-4),
        ("opus.ogg", 48_000, 6240, 1e-3),
        ("speech.opus", 48_000, 6240, 1e-3),
        // What Matroska says to leave out at the end is not.
        ("opus.webm", 48_000, 6408, 1e-3),
        ("aac.m4a", 16_000, 2080, 1e-3),
        ("aac.aac", 16_000, 4096, 1e-3),
        ("alac.m4a", 16_000, 2080, 0.0),
        ("flac.ogg", 16_000, 2080, 0.0),
        ("flac.mka", 16_000, 2080, 0.0),
    ] {
        let audio = Audio::open(path("files").join(name)).unwrap();
        println!("{name}");
        assert_eq!((audio.rate(), audio.channels(), audio.frames()), (rate, 1, frames), "{name}");
        let expected = golden.f32(name);
        assert_near(&audio.samples()[..expected.len()], &expected, within);
    }
}

#[test]
fn pieces_are_the_whole() {
    for name in ["mp3.mp3", "i24.flac", "opus.ogg", "i16.wav"] {
        let path = path("files").join(name);
        let whole = Audio::open(&path).unwrap();
        let (mut blocks, mut reader) = (Vec::new(), AudioReader::open(&path).unwrap());
        while let Some(block) = reader.next_block().unwrap() {
            blocks.extend_from_slice(block);
        }
        assert_eq!(blocks, whole.samples(), "{name}");
        let (mut frames, mut reader) = (Vec::new(), AudioReader::open(&path).unwrap());
        loop {
            let audio = reader.read(77).unwrap();
            assert!(audio.frames() <= 77);
            if audio.frames() == 0 {
                break;
            }
            frames.extend_from_slice(audio.samples());
        }
        assert_eq!(frames, whole.samples(), "{name}");
        let first = AudioReader::open(&path).unwrap().read(50).unwrap();
        assert_eq!(first.samples(), &whole.samples()[..50 * whole.channels()], "{name}");
        assert_eq!(Audio::from_bytes(fs::read(&path).unwrap()).unwrap(), whole, "{name}");
    }
}

#[test]
fn what_a_model_hears_is_the_mean_at_its_rate() {
    for name in ["mp3.mp3", "i24.flac", "opus.ogg", "i16.wav"] {
        let path = path("files").join(name);
        for rate in [16_000, 8000, 24_000] {
            let whole = Audio::open(&path).unwrap().mono().resampled(rate).unwrap();
            assert_eq!(Audio::open_at(&path, rate).unwrap(), whole, "{name} at {rate}");
        }
    }
}

/// A WAV file in memory, whose header says that there are so many frames.
fn wav(samples: &[f32], channels: usize, rate: u32, format: WavFormat, frames: Option<u64>) -> Vec<u8> {
    let encoder = WavEncoder::new(channels, rate, format).unwrap();
    let mut bytes = encoder.header(frames);
    encoder.encode(samples, &mut bytes);
    bytes
}

#[test]
fn rates_and_lengths_at_the_edge_are_read() {
    let one = Audio::from_bytes(wav(&[0.5], 1, 16_000, WavFormat::I16, Some(1))).unwrap();
    assert_eq!(one.samples(), [0.5]);
    let none = Audio::from_bytes(wav(&[], 2, 16_000, WavFormat::I16, Some(0))).unwrap();
    assert_eq!((none.frames(), none.channels()), (0, 2));
    let low = Audio::from_bytes(wav(&noise(800, 1), 2, 8000, WavFormat::I24, Some(400))).unwrap();
    assert_eq!((low.rate(), low.channels(), low.frames()), (8000, 2, 400));
    let high = Audio::from_bytes(wav(&noise(1920, 1), 1, 192_000, WavFormat::F32, Some(1920))).unwrap();
    assert_eq!(high.duration(), Duration::from_millis(10));
    assert_eq!(high.resampled(16_000).unwrap().frames(), 160);
    let silent = Audio::from_bytes(wav(&[0.0; 99], 1, 16_000, WavFormat::F32, Some(99))).unwrap();
    assert_eq!(silent.samples(), [0.0; 99]);
}

#[test]
fn what_is_no_number_becomes_silence() {
    let samples = [0.5, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.25];
    let audio = Audio::from_bytes(wav(&samples, 1, 16_000, WavFormat::F32, Some(5))).unwrap();
    assert_eq!(audio.samples(), [0.5, 0.0, 0.0, 0.0, -0.25]);
}

#[test]
fn a_header_that_promises_hours_gives_what_is_there() {
    let sound = noise(16_000, 2);
    for frames in [Some(5 * 3600 * 16_000), None] {
        let bytes = wav(&sound, 1, 16_000, WavFormat::F32, frames);
        assert_eq!(Audio::from_bytes(bytes).unwrap().samples(), sound, "{frames:?}");
    }
}

#[test]
fn a_file_that_was_cut_off_ends_there() {
    for name in
        ["i16.wav", "i24.aiff", "mp3.mp3", "vorbis.ogg", "opus.ogg", "opus.webm", "aac.aac", "i16.flac"]
    {
        let path = path("files").join(name);
        let (whole, bytes) = (Audio::open(&path).unwrap(), fs::read(&path).unwrap());
        match Audio::from_bytes(&bytes[..bytes.len() - 40]) {
            Ok(part) => assert!(
                whole.samples().starts_with(part.samples()) && part.frames() < whole.frames(),
                "{name}"
            ),
            Err(error) => println!("{name}: {error}"),
        }
    }
}

#[test]
fn what_holds_no_sound_is_named() {
    let folder = tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path
    };
    let text = write("text.wav", b"This is no sound at all, whatever its name says. It is only a text.");
    let image = write("image.mp3", &[&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &[7; 64]].concat());
    let known =
        "is no sound of a known format (known: WAV, AIFF, CAF, FLAC, MP3, Ogg, AAC, MP4 and Matroska)";
    let header = &fs::read(path("files").join("mp3.mp3")).unwrap()[..4];
    for (path, problem) in [
        (write("empty.wav", b""), "is empty"),
        (text, known),
        (image, known),
        (write("byte.mp3", b"x"), known),
        (write("begun.mp3", header), ""),
        (write("begun.wav", &wav(&[], 1, 8000, WavFormat::I16, None)[..20]), ""),
        (folder.path().to_owned(), "is a directory"),
        (folder.path().join("nothing.flac"), "No such file or directory (os error 2)"),
    ] {
        let message = Audio::open(&path).unwrap_err().to_string();
        println!("{message}");
        assert!(message.starts_with(&format!("{}: {problem}", path.display())), "{message}");
        assert_eq!(message.lines().count(), 1);
    }
}
