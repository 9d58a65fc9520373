//! Damaged files are errors or sound, never panics.

use std::fs;

use mlx_audio::AudioReader;

use crate::sounds::{numbers, path};

/// Reads what can be read, up to a length that no file here has.
fn read(bytes: &[u8]) {
    if let Ok(mut reader) = AudioReader::from_bytes(bytes) {
        let _ = reader.read(1 << 16);
    }
}

#[test]
fn files_that_are_cut_off_or_changed_do_not_panic() {
    let mut files: Vec<_> = fs::read_dir(path("files")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 20);
    let rounds = std::env::var("ROUNDS").map_or(20_000 / files.len(), |rounds| rounds.parse().unwrap());
    for (path, seed) in files.iter().zip(1..) {
        let whole = fs::read(path).unwrap();
        for length in (0..whole.len()).step_by(whole.len() / 50 + 1) {
            read(&whole[..length]);
        }
        let mut numbers = numbers(seed);
        for round in 0..rounds {
            let mut bytes = whole.clone();
            for _ in 0..1 + round % 4 {
                // Most of what matters is at the beginning.
                let reach = if round % 2 == 0 { whole.len() } else { whole.len().min(200) };
                let (at, value) = (numbers.next().unwrap(), numbers.next().unwrap());
                bytes[at % reach] = value as u8;
            }
            read(&bytes);
        }
    }
}
