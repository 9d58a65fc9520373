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
