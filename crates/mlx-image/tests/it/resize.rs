//! Resized images are Pillow's, byte for byte.

use mlx_image::{Filter, Image, Size};
use mlx_testkit::Golden;

use crate::fixture::{golden, image};

const FILTERS: [(&str, Filter); 6] = [
    ("nearest", Filter::Nearest),
    ("lanczos", Filter::Lanczos),
    ("bilinear", Filter::Bilinear),
    ("bicubic", Filter::Bicubic),
    ("box", Filter::Box),
    ("hamming", Filter::Hamming),
];

#[test]
fn every_filter_gives_the_bytes_of_pillow() {
    let golden = Golden::open(golden("resize.safetensors"));
    let cases = golden.names().filter(|name| name.ends_with(".source")).count();
    assert_eq!(cases, 12);
    for at in 0..cases {
        let source = image(&golden, &format!("{at}.source"));
        for (name, filter) in FILTERS {
            let expected = image(&golden, &format!("{at}.{name}"));
            let found = source.resize(expected.size(), filter).unwrap();
            assert_eq!(found.pixels(), expected.pixels(), "{name} of {source:?} to {expected:?}");
        }
    }
}

#[test]
fn the_same_size_changes_nothing() {
    let golden = Golden::open(golden("resize.safetensors"));
    let source = image(&golden, "0.source");
    for (_, filter) in FILTERS {
        assert_eq!(source.resize(source.size(), filter).unwrap(), source);
    }
}

#[test]
fn sizes_that_no_image_has_are_refused() {
    let image = Image::new(Size::square(1), vec![0; 3]).unwrap();
    for size in [Size { height: 0, width: 5 }, Size { height: 1 << 20, width: 1 << 20 }] {
        let message = image.resize(size, Filter::Bicubic).unwrap_err().to_string();
        assert!(message.starts_with(&format!("resize to {size}: an image has")), "{message}");
        assert!(image.center_crop(size).is_err() && image.resize(size, Filter::Nearest).is_err());
    }
    let message = image.pad(Size { height: 1, width: 0 }, [0; 3]).unwrap_err().to_string();
    assert_eq!(message, "pad to 1 x 0: the image has 1 x 1 pixels");
    assert!(Image::new(Size::square(2), vec![0; 11]).is_err());
}

#[test]
fn what_is_added_is_below_and_right() {
    let image = Image::new(Size::square(1), vec![1, 2, 3]).unwrap();
    let padded = image.pad(Size { height: 2, width: 2 }, [7, 8, 9]).unwrap();
    assert_eq!(padded.pixels(), [1, 2, 3, 7, 8, 9, 7, 8, 9, 7, 8, 9]);
}
