//! Files as Pillow reads them.

use mlx_image::{Image, Limits, Opening};
use mlx_testkit::Golden;

use crate::fixture::{golden, image};

/// How far levels of a JPEG may be from those that Pillow's decoder gives.
const JPEG_LEVELS: u8 = 3;

#[test]
fn files_are_read_as_pillow_reads_them() {
    let expected = Golden::open(golden("decode/expected.safetensors"));
    assert!(expected.names().count() >= 24);
    for name in expected.names() {
        let found = Image::open(golden("decode").join(name)).unwrap();
        let expected = image(&expected, name);
        assert_eq!(found.size(), expected.size(), "{name}");
        let difference = found.pixels().iter().zip(expected.pixels()).map(|(a, b)| a.abs_diff(*b)).max();
        let most = if name.ends_with("jpg") { JPEG_LEVELS } else { 0 };
        assert!(difference.unwrap() <= most, "{name}: {difference:?}");
    }
}

#[test]
fn a_file_that_is_too_large_names_the_limit() {
    let path = golden("decode/rgb.png");
    let within =
        |limits: Limits| Image::open_with(&path, &Opening::default().within(limits)).unwrap_err().to_string();
    let message = within(Limits { pixels: 62, ..Limits::default() });
    assert!(
        message.ends_with("rgb.png: its size of 7 x 9 pixels is more than the limit `pixels` of 62"),
        "{message}"
    );
    let enough = Opening::default().within(Limits { pixels: 63, ..Limits::default() });
    assert!(Image::open_with(&path, &enough).is_ok());
    let message = within(Limits { bytes: 100, ..Limits::default() });
    assert!(message.ends_with("is more than the limit `bytes` of 100"), "{message}");
}

#[test]
fn a_bomb_is_refused_before_it_is_decoded() {
    let mut bytes = std::fs::read(golden("decode/rgb.bmp")).unwrap();
    bytes[18..26].copy_from_slice(&[0x60, 0xea, 0, 0, 0x60, 0xea, 0, 0]);
    let message = Image::decode(&bytes).unwrap_err().to_string();
    assert_eq!(
        message,
        "image: its size of 60000 x 60000 pixels is more than the limit `pixels` of 134217728"
    );
}

#[test]
fn what_is_no_image_says_so() {
    let message = |bytes: &[u8]| Image::decode(bytes).unwrap_err().to_string();
    let known = "image: is no image of a known format (known: PNG, JPEG, WebP, GIF, BMP, TIFF)";
    for bytes in [&b""[..], b"a text", b"P6 1 1 255 abc"] {
        assert_eq!(message(bytes), known);
    }
    let missing = Image::open(golden("decode/missing.png")).unwrap_err().to_string();
    assert!(missing.starts_with("cannot read ") && missing.contains("missing.png: "), "{missing}");
}
