//! Windows: what the samples of a frame are multiplied by.

use std::f64::consts::TAU;

/// The shape of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// A raised cosine that ends at 0.
    Hann,
    /// A raised cosine that ends at 0.08.
    Hamming,
    /// Two cosines, 0.42 - 0.5 cos + 0.08 cos of twice the angle.
    Blackman,
    /// A triangle that ends at 0.
    Bartlett,
    /// Kaldi's own: Hann to the power 0.85.
    Povey,
    /// No window: 1 everywhere.
    Rectangular,
}

impl Window {
    /// A window whose last sample mirrors its first, as numpy and Kaldi make it.
    pub fn symmetric(self, length: usize) -> Vec<f32> {
        self.values(length, length.saturating_sub(1))
    }

    /// A window that repeats without a seam, as spectra take it: a symmetric one of one more sample without its last.
    pub fn periodic(self, length: usize) -> Vec<f32> {
        self.values(length, length)
    }

    /// The first `length` samples of a window whose turn takes `period` samples.
    fn values(self, length: usize, period: usize) -> Vec<f32> {
        // A single sample stands in the middle.
        let at = |index: usize| if length == 1 { 0.5 } else { index as f64 / period as f64 };
        (0..length).map(|index| self.value(at(index)) as f32).collect()
    }

    /// The value at a part of the turn, from 0 to 1.
    fn value(self, at: f64) -> f64 {
        let cosine = (TAU * at).cos();
        match self {
            Self::Hann => 0.5 - 0.5 * cosine,
            Self::Hamming => 0.54 - 0.46 * cosine,
            Self::Blackman => 0.42 - 0.5 * cosine + 0.08 * (2.0 * TAU * at).cos(),
            Self::Bartlett => 1.0 - (2.0 * at - 1.0).abs(),
            Self::Povey => (0.5 - 0.5 * cosine).powf(0.85),
            Self::Rectangular => 1.0,
        }
    }
}
