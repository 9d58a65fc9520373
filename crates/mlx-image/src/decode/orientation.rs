//! Which way up an image is.

use ::image::metadata::Orientation;
use ::image::{DynamicImage, RgbImage};

use crate::{Image, Size};

/// What an EXIF chunk says, with or without the name that some writers put before it.
pub(crate) fn of_exif(exif: Option<&[u8]>) -> Orientation {
    let bare = exif.map(|exif| exif.strip_prefix(b"Exif\0\0").unwrap_or(exif));
    bare.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

/// The image turned and mirrored.
pub(crate) fn turned(image: Image, orientation: Orientation) -> Image {
    if orientation == Orientation::NoTransforms {
        return image;
    }
    let Size { height, width } = image.size();
    let (Ok(height), Ok(width)) = (u32::try_from(height), u32::try_from(width)) else { return image };
    let Some(pixels) = RgbImage::from_raw(width, height, image.pixels().to_vec()) else { return image };
    let mut turned = DynamicImage::ImageRgb8(pixels);
    turned.apply_orientation(orientation);
    let size = Size { height: turned.height() as usize, width: turned.width() as usize };
    Image::new(size, turned.into_rgb8().into_raw()).unwrap_or(image)
}
