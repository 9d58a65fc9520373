//! What Pillow and transformers made.

use std::path::{Path, PathBuf};

use mlx_image::{Image, Size};
use mlx_testkit::Golden;

/// A fixture.
pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// A tensor of bytes as an image.
pub(crate) fn image(golden: &Golden, name: &str) -> Image {
    let &[height, width, 3] = golden.shape(name) else { panic!("{name} is no image") };
    let pixels = golden.u32(name).into_iter().map(|value| value as u8).collect();
    Image::new(Size { height, width }, pixels).unwrap()
}

/// How far the levels of two images are apart at most; none if their sizes differ.
pub(crate) fn difference(left: &Image, right: &Image) -> Option<u8> {
    let same = left.size() == right.size();
    let pairs = left.pixels().iter().zip(right.pixels()).filter(|_| same);
    pairs.map(|(left, right)| left.abs_diff(*right)).max()
}

/// Numbers that look random, each from its place and a seed, as in `xtask/golden/image_files.py`.
pub(crate) fn mixed(count: usize, seed: u64) -> impl Iterator<Item = u64> {
    (0..count as u64).map(move |at| {
        let mut x = at.wrapping_add(seed << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        x ^= x >> 32;
        x = x.wrapping_mul(0xd6e8_feb8_6659_fd93);
        x ^ (x >> 32)
    })
}

/// Levels that look random, many of them black or white.
pub(crate) fn levels(count: usize, seed: u64) -> Vec<u8> {
    mixed(count, seed).map(|x| ((x % 416) as i64 - 80).clamp(0, 255) as u8).collect()
}

/// A file of one gray level: an uncompressed BMP.
pub(crate) fn bmp(size: Size, level: u8) -> Vec<u8> {
    let edge = |length: usize| (length as u32).to_le_bytes();
    let row = [vec![level; 3 * size.width], vec![0; size.width % 4]].concat();
    let mut bytes = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
    bytes.extend([edge(size.width), edge(size.height)].concat());
    bytes.extend(b"\x01\0\x18\0");
    bytes.resize(54, 0);
    bytes.extend(row.repeat(size.height));
    bytes
}
