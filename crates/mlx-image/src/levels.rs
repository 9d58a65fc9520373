//! From 8 bits a channel to floats.

use std::fmt;

use crate::{Image, Size};

/// What the 256 levels of each channel become.
#[derive(Clone, PartialEq)]
pub struct Levels([Vec<f32>; 3]);

/// What is subtracted from each channel, and what it is then divided by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normal {
    /// The mean of red, green and blue.
    pub mean: [f64; 3],
    /// Their standard deviation.
    pub std: [f64; 3],
}

/// An image as floats, channels last.
#[derive(Clone, Debug, PartialEq)]
pub struct Pixels {
    /// The height and the width.
    pub size: Size,
    /// `[height, width, 3]`.
    pub values: Vec<f32>,
}

impl Levels {
    /// Levels that are multiplied by `factor`, then normalised. Rounding is that of transformers: to a single after each.
    pub fn new(factor: Option<f64>, normal: Option<Normal>) -> Self {
        let level = |level: u8, channel: usize| {
            let value = (f64::from(level) * factor.unwrap_or(1.0)) as f32;
            let of_channel = |all: [f64; 3]| all.get(channel).copied().unwrap_or_default() as f32;
            normal.map_or(value, |Normal { mean, std }| (value - of_channel(mean)) / of_channel(std))
        };
        Self([0, 1, 2].map(|channel| (0..=u8::MAX).map(|value| level(value, channel)).collect()))
    }

    /// The floats of an image.
    pub fn apply(&self, image: &Image) -> Pixels {
        let (pixels, _) = image.pixels().as_chunks::<3>();
        let mut values = Vec::with_capacity(image.pixels().len());
        for pixel in pixels {
            let floats = self.0.iter().zip(pixel).map(|(levels, &value)| levels.get(usize::from(value)));
            values.extend(floats.map(|float| float.copied().unwrap_or_default()));
        }
        Pixels { size: image.size(), values }
    }
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let range = |levels: &Vec<f32>| Some((*levels.first()?, *levels.last()?));
        f.debug_list().entries(self.0.iter().filter_map(range)).finish()
    }
}
