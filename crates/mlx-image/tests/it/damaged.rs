//! Damaged files are errors, never panics.

use std::fs;

use mlx_image::{Image, Limits};

use crate::fixture::golden;

const FILES: [&str; 8] = [
    "rgb.png",
    "palette.png",
    "deep-4.png",
    "full.jpg",
    "half.jpg",
    "lossless.webp",
    "frames.gif",
    "rgb.bmp",
];

/// Numbers that look random: a linear congruence with Knuth's factor.
fn numbers(seed: u64) -> impl Iterator<Item = usize> {
    let next = |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    std::iter::successors(Some(seed), next).skip(1).map(|state| (state >> 33) as usize)
}

#[test]
fn files_that_are_cut_off_or_changed_do_not_panic() {
    let limits = Limits { pixels: 1 << 20, ..Limits::default() };
    for (name, seed) in FILES.iter().zip(1..) {
        let whole = fs::read(golden("decode").join(name)).unwrap();
        for length in (0..whole.len()).step_by(7) {
            let _ = Image::decode_within(&whole[..length], &limits);
        }
        let mut numbers = numbers(seed);
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..4 {
                let (at, value) = (numbers.next().unwrap(), numbers.next().unwrap());
                bytes[at % whole.len()] = value as u8;
            }
            let _ = Image::decode_within(&bytes, &limits);
        }
    }
}

#[test]
fn a_damaged_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rgb.png", "full.jpg", "lossless.webp", "frames.gif", "rgb.bmp"] {
        let path = folder.path().join(name);
        let whole = fs::read(golden("decode").join(name)).unwrap();
        fs::write(&path, &whole[..40.min(whole.len())]).unwrap();
        let message = Image::open(&path).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{}: ", path.display())), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
    }
}
