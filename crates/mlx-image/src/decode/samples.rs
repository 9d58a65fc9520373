//! The numbers of a file, before they are red, green and blue.

use ::image::DynamicImage;

use crate::{Size, Transparency};

/// Pixels as a file has them, 8 bits a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Samples {
    pub(crate) size: Size,
    pub(crate) channels: Channels,
    /// `[height, width, channels]`.
    pub(crate) values: Vec<u8>,
}

/// What the numbers of a pixel are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channels {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Ink, of which 255 is all.
    Cmyk,
}

impl Channels {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }
}

impl Samples {
    /// What a decoder gives; of 16 bits the upper 8 count.
    pub(crate) fn of(image: DynamicImage) -> Self {
        let size = Size { height: image.height() as usize, width: image.width() as usize };
        let upper = |all: Vec<u16>| all.into_iter().map(|value| (value >> 8) as u8).collect();
        let (channels, values) = match image {
            DynamicImage::ImageLuma8(gray) => (Channels::Gray, gray.into_raw()),
            DynamicImage::ImageLumaA8(gray) => (Channels::GrayAlpha, gray.into_raw()),
            DynamicImage::ImageRgba8(color) => (Channels::Rgba, color.into_raw()),
            DynamicImage::ImageLuma16(gray) => (Channels::Gray, upper(gray.into_raw())),
            DynamicImage::ImageLumaA16(gray) => (Channels::GrayAlpha, upper(gray.into_raw())),
            DynamicImage::ImageRgb16(color) => (Channels::Rgb, upper(color.into_raw())),
            DynamicImage::ImageRgba16(color) => (Channels::Rgba, upper(color.into_raw())),
            other => (Channels::Rgb, other.into_rgb8().into_raw()),
        };
        Self { size, channels, values }
    }

    /// The pixels in RGB, `[height, width, 3]`.
    pub(crate) fn into_rgb(self, transparency: Transparency) -> Vec<u8> {
        let under = match transparency {
            Transparency::Dropped => None,
            Transparency::On(color) => Some(color),
        };
        let gray = |gray: u8, alpha: u8| under.map_or([gray; 3], |under| on(under, [gray; 3], alpha));
        match self.channels {
            Channels::Rgb => self.values,
            Channels::Gray => self.map(|[gray]| [gray; 3]),
            Channels::GrayAlpha => self.map(|[value, alpha]| gray(value, alpha)),
            Channels::Rgba => self.map(|[red, green, blue, alpha]| {
                let color = [red, green, blue];
                under.map_or(color, |under| on(under, color, alpha))
            }),
            Channels::Cmyk => self.map(|[cyan, magenta, yellow, black]| {
                [cyan, magenta, yellow].map(|ink| (255 - black) - share(ink, 255 - black))
            }),
        }
    }

    fn map<const N: usize>(&self, rgb: impl Fn([u8; N]) -> [u8; 3]) -> Vec<u8> {
        let (pixels, _) = self.values.as_chunks::<N>();
        pixels.iter().flat_map(|&pixel| rgb(pixel)).collect()
    }
}

/// `color` over `under`, rounded as Pillow's `paste` rounds.
fn on(under: [u8; 3], color: [u8; 3], alpha: u8) -> [u8; 3] {
    let mixed = |(over, under): (u8, u8)| {
        let sum = u32::from(over) * u32::from(alpha) + u32::from(under) * u32::from(255 - alpha);
        divided(sum)
    };
    let [red, green, blue] = color;
    let [below_red, below_green, below_blue] = under;
    [(red, below_red), (green, below_green), (blue, below_blue)].map(mixed)
}

/// `part · whole / 255`, rounded.
fn share(part: u8, whole: u8) -> u8 {
    divided(u32::from(part) * u32::from(whole))
}

/// A product of two levels as one level: divided by 255 and rounded.
fn divided(product: u32) -> u8 {
    let sum = product + 128;
    (((sum >> 8) + sum) >> 8) as u8
}
