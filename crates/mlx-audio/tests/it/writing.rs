//! Files that are written are read back.

use std::fs;

use mlx_audio::{Audio, WavEncoder, WavFormat, WavWriter};
use tempfile::tempdir;

use crate::sounds::noise;

/// Samples as integers of so many bits keep them.
pub(crate) fn rounded(samples: &[f32], bits: i32) -> Vec<f32> {
    let full = 2.0_f64.powi(bits - 1);
    let round = |&sample: &f32| ((f64::from(sample) * full).round().clamp(-full, full - 1.0) / full) as f32;
    samples.iter().map(round).collect()
}

fn loud() -> Vec<f32> {
    let mut samples = noise(6000, 21);
    samples.extend([1.0, -1.0, 1.5, -1.5, 0.0, 1.0 / 65_536.0]);
    samples
}

#[test]
fn wav_files_come_back() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.wav");
    for (format, bits) in [(WavFormat::I16, Some(16)), (WavFormat::I24, Some(24)), (WavFormat::F32, None)] {
        for channels in [1, 2, 3] {
            let audio = Audio::new(loud(), channels, 44_100).unwrap();
            audio.save(&path, format).unwrap();
            let back = Audio::open(&path).unwrap();
            assert_eq!((back.rate(), back.channels()), (44_100, channels));
            let expected = bits.map_or_else(loud, |bits| rounded(&loud(), bits));
            assert_eq!(back.samples(), expected, "{format:?}");
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn sound_that_comes_in_pieces_is_one_file() {
    let folder = tempdir().unwrap();
    let (whole, pieces) = (folder.path().join("whole.wav"), folder.path().join("pieces.wav"));
    let audio = Audio::new(noise(1001, 22), 1, 8000).unwrap();
    audio.save(&whole, WavFormat::I24).unwrap();
    let mut writer = WavWriter::create(&pieces, 1, 8000, WavFormat::I24).unwrap();
    audio.samples().chunks(100).for_each(|piece| writer.write(piece).unwrap());
    assert!(!pieces.exists());
    writer.finish().unwrap();
    assert_eq!(fs::read(&pieces).unwrap(), fs::read(&whole).unwrap());
    assert_eq!(fs::metadata(&pieces).unwrap().len() % 2, 0);
}

#[test]
fn a_file_that_is_never_finished_leaves_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.wav");
    let mut writer = WavWriter::create(&path, 2, 8000, WavFormat::I16).unwrap();
    writer.write(&[0.0; 3]).unwrap();
    let message = writer.finish().unwrap_err().to_string();
    assert_eq!(message, "channels is 2: 3 samples cannot be shared among them");
    drop(WavWriter::create(&path, 2, 8000, WavFormat::I16).unwrap());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_written_is_named() {
    let folder = tempdir().unwrap();
    let audio = Audio::new(vec![0.0; 18], 9, 8000).unwrap();
    let path = folder.path().join("none").join("a.wav");
    let message = audio.save(&path, WavFormat::I16).unwrap_err().to_string();
    assert!(message.starts_with(&format!("{}: ", path.display())), "{message}");
    assert!(audio.save(folder.path(), WavFormat::I16).is_err());
    assert!(WavEncoder::new(0, 8000, WavFormat::I16).is_err());
    assert!(WavEncoder::new(256, 8000, WavFormat::I16).is_err());
    assert!(WavEncoder::new(1, 0, WavFormat::I16).is_err());
    assert!(WavEncoder::new(255, 1 << 21, WavFormat::F32).is_ok());
    assert!(WavEncoder::new(1, (1 << 21) + 1, WavFormat::F32).is_err());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn a_stream_says_that_its_length_is_not_known() {
    let encoder = WavEncoder::new(1, 16_000, WavFormat::I16).unwrap();
    let header = encoder.header(None);
    assert_eq!((header.len(), &header[4..8], &header[40..]), (44, &[255; 4][..], &[255; 4][..]));
    assert_eq!(encoder.header(Some(3))[40..], [6, 0, 0, 0]);
    assert_eq!(encoder.header(Some(3))[4..8], [42, 0, 0, 0]);
}
