//! Colours by embedded profiles, against littleCMS in Pillow.

use mlx_image::{Image, Opening, Profile};
use mlx_testkit::Golden;

use crate::fixture::{difference, golden, image};

#[test]
fn profiles_are_converted_to_srgb_as_littlecms_does() {
    let expected = Golden::open(golden("profiles/expected.safetensors"));
    let converting = Opening::default().profile(Profile::ToSrgb);
    let mut wrong = Vec::new();
    let most = |name: &str| match name {
        // Both make a coarser table of a table of four inks before they use it.
        "inks.tiff" | "inks.jpg" => 8,
        // Decoders of JPEG differ by up to 3 levels, which a wider space stretches.
        "wide.jpg" => 5,
        _ => 1,
    };
    for name in expected.names() {
        let path = golden("profiles").join(name);
        let expected = image(&expected, name);
        match Image::open_with(&path, &converting) {
            Ok(found) => {
                let difference = difference(&found, &expected);
                if difference.is_none_or(|difference| difference > most(name)) {
                    wrong.push(format!("{name}: {difference:?}"));
                }
            }
            Err(error) => wrong.push(error.to_string()),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(expected.names().count(), 10);
}

#[test]
fn a_profile_is_ignored_unless_it_is_asked_for() {
    let open =
        |name: &str, opening: Opening| Image::open_with(golden("profiles").join(name), &opening).unwrap();
    let converting = Opening::default().profile(Profile::ToSrgb);
    let plain = open("wide.png", Opening::default());
    assert_eq!(plain, open("srgb.png", Opening::default()));
    assert!(difference(&plain, &open("wide.png", converting)).unwrap() > 50);
    // What has no profile is sRGB.
    let path = golden("decode/rgb.png");
    assert_eq!(Image::open(&path).unwrap(), Image::open_with(&path, &converting).unwrap());
}

#[test]
fn a_damaged_profile_is_an_error_only_where_it_is_used() {
    let mut bytes = std::fs::read(golden("profiles/table.tiff")).unwrap();
    let at = bytes.windows(4).position(|bytes| bytes == b"acsp").unwrap();
    bytes[at] = b'x';
    assert!(Image::decode(&bytes).is_ok());
    let message =
        Image::decode_with(&bytes, &Opening::default().profile(Profile::ToSrgb)).unwrap_err().to_string();
    assert!(message.starts_with("image: its colour profile: "), "{message}");
}
