//! Banks of triangular filters that are evenly spaced in mels.

use realfft::num_complex::Complex32;

use crate::{Error, Result};

/// How hertz become mels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MelScale {
    /// 2595 log10(1 + f / 700), as in HTK; triangles are straight in hertz. Torchaudio's and Gemma's.
    Htk,
    /// Linear below 1 kHz and logarithmic above, as in Slaney's Auditory Toolbox. Librosa's and Whisper's.
    Slaney,
    /// [`Htk`](Self::Htk) with triangles that are straight in mels. Kaldi's.
    Kaldi,
}

/// What a [`MelBank`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct MelOptions {
    /// Samples a second.
    pub rate: u32,
    /// Samples in a frame.
    pub n_fft: usize,
    /// How many filters.
    pub mels: usize,
    /// Where the first filter begins, in hertz.
    pub f_min: f64,
    /// Where the last filter ends, in hertz; half the rate if none is given.
    pub f_max: Option<f64>,
    /// How hertz become mels.
    pub scale: MelScale,
    /// Whether each filter is divided by half its width in hertz, so that all pass the same energy.
    pub even: bool,
}

impl MelOptions {
    /// Librosa's filters: Slaney's, of the same energy, from 0 to half the rate.
    pub fn slaney(rate: u32, n_fft: usize, mels: usize) -> Self {
        Self { rate, n_fft, mels, f_min: 0.0, f_max: None, scale: MelScale::Slaney, even: true }
    }

    /// Torchaudio's filters: HTK's, all as high as 1, from 0 to half the rate.
    pub fn htk(rate: u32, n_fft: usize, mels: usize) -> Self {
        Self { scale: MelScale::Htk, even: false, ..Self::slaney(rate, n_fft, mels) }
    }
}

/// Filters over the bins of a spectrum. Few bins are in each, and only those are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct MelBank {
    bins: usize,
    filters: Vec<Filter>,
}

#[derive(Clone, Debug, PartialEq)]
struct Filter {
    /// The bin of the first weight.
    first: usize,
    weights: Box<[f32]>,
}

impl MelBank {
    /// Filters, computed in float64.
    ///
    /// # Errors
    /// The rate, `n_fft` or the number of filters is 0, or the filters do not begin at or above 0 and before they end.
    pub fn new(options: &MelOptions) -> Result<Self> {
        let &MelOptions { rate, n_fft, mels, f_min, f_max, scale, even } = options;
        for (option, value) in [("rate", rate as usize), ("n_fft", n_fft), ("mels", mels)] {
            if value == 0 {
                return Err(Error::option(option, value, "it must be at least 1"));
            }
        }
        let f_max = f_max.unwrap_or(f64::from(rate) / 2.0);
        if !(f_min >= 0.0 && f_min < f_max && f_max.is_finite()) {
            return Err(Error::option(
                "f_min",
                f_min,
                format!("filters end at {f_max} Hz, and begin at 0 or above"),
            ));
        }
        let bins = n_fft / 2 + 1;
        let hertz = |bin: usize| bin as f64 * f64::from(rate) / n_fft as f64;
        let places: Vec<f64> = (0..bins).map(|bin| scale.place(scale.mels(hertz(bin)), hertz(bin))).collect();
        let (low, high) = (scale.mels(f_min), scale.mels(f_max));
        let filter = |at: usize| {
            let mels = [at, at + 1, at + 2].map(|at| low + (high - low) * at as f64 / (mels + 1) as f64);
            let [left, _, right] = mels.map(|mel| scale.hertz(mel));
            let height = if even { 2.0 / (right - left) } else { 1.0 };
            let corners = mels.map(|mel| scale.place(mel, scale.hertz(mel)));
            Filter::new(places.iter().map(|&place| height * triangle(corners, place)))
        };
        Ok(Self { bins, filters: (0..mels).map(filter).collect() })
    }

    /// How many filters there are.
    pub fn mels(&self) -> usize {
        self.filters.len()
    }

    /// How many numbers a spectrum has.
    pub fn bins(&self) -> usize {
        self.bins
    }

    /// What passes each filter of one spectrum.
    pub fn apply(&self, spectrum: &[f32], mels: &mut [f32]) {
        for (mel, filter) in mels.iter_mut().zip(&self.filters) {
            let bins = spectrum.get(filter.first..).unwrap_or_default();
            *mel = filter.weights.iter().zip(bins).map(|(weight, bin)| weight * bin).sum();
        }
    }

    /// What passes each filter of the power of one complex spectrum; `power` keeps that power.
    pub(crate) fn apply_power(&self, spectrum: &[Complex32], power: &mut [f32], mels: &mut [f32]) {
        for (power, value) in power.iter_mut().zip(spectrum) {
            *power = value.norm_sqr();
        }
        self.apply(power, mels);
    }

    /// All weights, `[mels, bins]`.
    pub fn matrix(&self) -> Vec<f32> {
        let mut matrix = vec![0.0; self.mels() * self.bins];
        for (row, filter) in matrix.chunks_exact_mut(self.bins).zip(&self.filters) {
            row.iter_mut().skip(filter.first).zip(&filter.weights).for_each(|(at, weight)| *at = *weight);
        }
        matrix
    }
}

impl Filter {
    /// The weights without the zeros before and behind.
    fn new(weights: impl Iterator<Item = f64>) -> Self {
        let weights: Vec<f32> = weights.map(|weight| weight as f32).collect();
        let first = weights.iter().take_while(|&&weight| weight == 0.0).count();
        let zeros = weights.iter().rev().take_while(|&&weight| weight == 0.0).count();
        let count = weights.len().saturating_sub(first + zeros);
        Self { first, weights: weights.into_iter().skip(first).take(count).collect() }
    }
}

/// Where Slaney's scale becomes logarithmic, in hertz.
const BREAK: f64 = 1000.0;
/// Hertz in a mel of Slaney's below.
const STEP: f64 = 200.0 / 3.0;
/// Mels of Slaney's in which the frequency rises by a factor of 6.4.
const MELS_OF_RISE: f64 = 27.0;

impl MelScale {
    /// Hertz in mels.
    pub fn mels(self, hertz: f64) -> f64 {
        match self {
            Self::Slaney if hertz >= BREAK => {
                BREAK / STEP + (hertz / BREAK).ln() * MELS_OF_RISE / 6.4_f64.ln()
            }
            Self::Slaney => hertz / STEP,
            Self::Htk | Self::Kaldi => 2595.0 * (1.0 + hertz / 700.0).log10(),
        }
    }

    /// Mels in hertz.
    pub fn hertz(self, mels: f64) -> f64 {
        match self {
            Self::Slaney if mels >= BREAK / STEP => {
                BREAK * ((mels - BREAK / STEP) * 6.4_f64.ln() / MELS_OF_RISE).exp()
            }
            Self::Slaney => mels * STEP,
            Self::Htk | Self::Kaldi => 700.0 * (10.0_f64.powf(mels / 2595.0) - 1.0),
        }
    }

    /// Where triangles are straight: in mels or in hertz.
    fn place(self, mels: f64, hertz: f64) -> f64 {
        if self == Self::Kaldi { mels } else { hertz }
    }
}

/// How high a triangle is at a place.
fn triangle([left, middle, right]: [f64; 3], place: f64) -> f64 {
    ((place - left) / (middle - left)).min((right - place) / (right - middle)).max(0.0)
}
