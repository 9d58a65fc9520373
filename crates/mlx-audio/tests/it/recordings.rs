//! Recordings of the assets, for tests of what is made of them.

use std::path::{Path, PathBuf};
use std::{fs, io};

use mlx_testkit::assets;

/// The samples of a recording with one channel at 16 kHz; `None`, and a line that says so, where it was not fetched.
pub(crate) fn recording(group: &str, file: &str) -> Option<Vec<f32>> {
    assets::find(group, file).map(|path| samples(&path))
}

/// The path of a fixture.
pub(crate) fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(file)
}

/// A WAV file of 16-bit integers or singles.
fn samples(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).unwrap();
    let data = |id: &[u8]| -> io::Result<Vec<u8>> {
        let mut rest = &bytes[12..];
        while rest.len() > 8 {
            let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
            if &rest[..4] == id {
                return Ok(rest[8..8 + length].to_vec());
            }
            rest = &rest[8 + length + length % 2..];
        }
        Err(io::ErrorKind::NotFound.into())
    };
    let (format, data) = (data(b"fmt ").unwrap(), data(b"data").unwrap());
    assert_eq!((format[2], u32::from_le_bytes(format[4..8].try_into().unwrap())), (1, 16_000));
    match format[14] {
        16 => data.as_chunks().0.iter().map(|&pair| f32::from(i16::from_le_bytes(pair)) / 32768.0).collect(),
        32 => data.as_chunks().0.iter().map(|&four| f32::from_le_bytes(four)).collect(),
        bits => panic!("{}: {bits} bits", path.display()),
    }
}
