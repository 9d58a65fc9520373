//! Formats and their variants as Pillow's `convert("RGB")` has them.

use mlx_image::{Image, Opening, Transparency};
use mlx_testkit::Golden;

use crate::fixture::{difference, golden, image};

/// How far levels may be from Pillow's: decoders of lossy formats differ in how they turn frequencies into pixels.
fn most(name: &str) -> u8 {
    match name {
        // Ink is multiplied, which makes differences smaller and adds rounding.
        _ if name.ends_with(".jpg") => 3,
        _ => 0,
    }
}

#[test]
fn every_variant_of_a_format_is_read_as_pillow_reads_it() {
    let expected = Golden::open(golden("files/expected.safetensors"));
    let names = expected.names().filter(|name| !name.starts_with("white/"));
    let mut wrong = Vec::new();
    let mut count = 0;
    for name in names {
        count += 1;
        match Image::open(golden("files").join(name)) {
            Ok(found) => {
                let difference = difference(&found, &image(&expected, name));
                if difference.is_none_or(|difference| difference > most(name)) {
                    wrong.push(format!("{name}: {difference:?}"));
                }
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count >= 60, "{count}");
}

#[test]
fn what_is_transparent_may_lie_on_a_colour() {
    let expected = Golden::open(golden("files/expected.safetensors"));
    let on = |name: &str, transparency| {
        Image::open_with(golden("files").join(name), &Opening::default().transparency(transparency)).unwrap()
    };
    for name in ["rgba.tiff", "gray-alpha.png", "clear-4.png", "lossy-alpha.webp"] {
        let found = on(name, Transparency::WHITE);
        let expected = image(&expected, &format!("white/{name}"));
        assert!(difference(&found, &expected).unwrap() <= most(name), "{name}");
        assert_ne!(found, on(name, Transparency::BLACK), "{name}");
        assert_ne!(found, on(name, Transparency::Dropped), "{name}");
    }
    assert_eq!(on("plain.tiff", Transparency::WHITE), on("plain.tiff", Transparency::Dropped));
}
