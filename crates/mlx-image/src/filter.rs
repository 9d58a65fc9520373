//! How much each pixel of an image adds to one of a resized image.

use std::f64::consts::PI;

/// A filter to resize with, as Pillow names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// The nearest pixel.
    Nearest,
    /// The mean of the pixels that a new one covers.
    Box,
    /// A triangle.
    Bilinear,
    /// A cosine window over a sinc of 2 pixels, sharper than a triangle of the same width.
    Hamming,
    /// Keys, "Cubic Convolution Interpolation for Digital Image Processing", with a = -1/2.
    Bicubic,
    /// Duchon, "Lanczos Filtering in One and Two Dimensions", of 3 lobes.
    Lanczos,
}

/// The pixels that make a new one: the first of them, and their weights in fixed point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Taps {
    pub(crate) first: usize,
    pub(crate) weights: Vec<i32>,
}

/// How many bits of a weight are behind the point: what 32 leave to a sign, 8 of a channel and one of overshoot.
pub(crate) const FRACTION_BITS: u32 = 22;

impl Filter {
    /// The filter of this number in Pillow and in `preprocessor_config.json`.
    pub fn from_number(number: i64) -> Option<Self> {
        let all = [Self::Nearest, Self::Lanczos, Self::Bilinear, Self::Bicubic, Self::Box, Self::Hamming];
        usize::try_from(number).ok().and_then(|number| all.get(number).copied())
    }

    /// How far the filter reaches, in pixels of the smaller image.
    fn reach(self) -> f64 {
        match self {
            Self::Nearest | Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    /// The weight at a distance from the middle.
    fn weight(self, x: f64) -> f64 {
        let far = x.abs();
        match self {
            // A pixel on the border of two new ones belongs to the first.
            Self::Nearest | Self::Box if x > -0.5 && x <= 0.5 => 1.0,
            Self::Bilinear if far < 1.0 => 1.0 - far,
            // Pillow has both numbers in single precision, which decides how some weights are rounded.
            Self::Hamming if far < 1.0 => {
                sinc(far) * (f64::from(0.54_f32) + f64::from(0.46_f32) * (PI * far).cos())
            }
            Self::Bicubic if far < 1.0 => (1.5 * far - 2.5) * far * far + 1.0,
            Self::Bicubic if far < 2.0 => -0.5 * (((far - 5.0) * far + 8.0) * far - 4.0),
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            _ => 0.0,
        }
    }

    /// For each of `to` new pixels in a line those of `from` that make it.
    ///
    /// A line that becomes shorter is smoothed: the filter is stretched to cover as many pixels of it as of the new line.
    pub(crate) fn taps(self, from: usize, to: usize) -> Vec<Taps> {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let reach = self.reach() * stretch;
        let taps = |at: usize| {
            let middle = (at as f64 + 0.5) * scale;
            let first = (middle - reach + 0.5) as usize;
            let end = ((middle + reach + 0.5) as usize).min(from);
            let narrow = stretch.recip();
            let weight = |pixel: usize| self.weight((pixel as f64 - middle + 0.5) * narrow);
            Taps { first, weights: fixed((first..end).map(weight).collect()) }
        };
        (0..to).map(taps).collect()
    }
}

/// `sin(πx) / πx`.
fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) }
}

/// Weights whose sum is 1, rounded to fixed point.
fn fixed(weights: Vec<f64>) -> Vec<i32> {
    let sum: f64 = weights.iter().sum();
    let share = |weight: f64| if sum == 0.0 { weight } else { weight / sum };
    let one = f64::from(1_u32 << FRACTION_BITS);
    weights.into_iter().map(|weight| (share(weight) * one).round() as i32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pillows() {
        let filters = [0, 1, 2, 3, 4, 5].map(|number| Filter::from_number(number).unwrap());
        let names = filters.map(|filter| format!("{filter:?}")).join(" ");
        assert_eq!(names, "Nearest Lanczos Bilinear Bicubic Box Hamming");
        assert_eq!((Filter::from_number(6), Filter::from_number(-1)), (None, None));
    }

    #[test]
    fn weights_of_a_pixel_are_one_together() {
        for filter in [Filter::Box, Filter::Bilinear, Filter::Hamming, Filter::Bicubic, Filter::Lanczos] {
            for (from, to) in [(1, 5), (7, 3), (3, 7), (100, 1), (64, 64)] {
                for taps in filter.taps(from, to) {
                    let sum = taps.weights.iter().sum::<i32>() - (1 << FRACTION_BITS);
                    assert!(sum.unsigned_abs() as usize <= taps.weights.len(), "{filter:?} {from} to {to}");
                    assert!(taps.first + taps.weights.len() <= from);
                }
            }
        }
    }
}
