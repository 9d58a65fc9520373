//! Mel-frequency cepstral coefficients, as librosa's `mfcc` computes them.

use std::f64::consts::PI;

use super::logarithm::log10;
use super::{MelBank, MelOptions, Padding, Stft, Window};
use crate::{Error, Result};

/// What an [`Mfcc`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct MfccOptions {
    /// How many coefficients of a frame are kept.
    pub coefficients: usize,
    /// Samples between the beginnings of two frames.
    pub hop: usize,
    /// What stands before the first sample and behind the last.
    pub padding: Padding,
    /// How many decibels below the loudest value there is nothing more; nothing is cut off if none is given.
    pub range_db: Option<f32>,
    /// The filters, and with them the rate and the samples in a frame.
    pub mel: MelOptions,
}

impl MfccOptions {
    /// Librosa's defaults: 20 coefficients of 128 filters, frames of 2048 samples each 512 samples.
    pub fn new(rate: u32) -> Self {
        let mel = MelOptions::slaney(rate, 2048, 128);
        Self { coefficients: 20, hop: 512, padding: Padding::Zeros, range_db: Some(80.0), mel }
    }
}

/// Makes cepstral coefficients: the cosine transform of mel spectra in decibels.
#[derive(Clone, Debug)]
pub struct Mfcc {
    stft: Stft,
    bank: MelBank,
    range_db: Option<f32>,
    /// Orthonormal cosines, `[coefficients, mels]`.
    cosines: Vec<f32>,
    coefficients: usize,
}

impl Mfcc {
    /// A front end.
    ///
    /// # Errors
    /// There are no coefficients, or more than filters, or the spectra or the filters cannot be made.
    pub fn new(options: &MfccOptions) -> Result<Self> {
        let MfccOptions { coefficients, hop, padding, range_db, ref mel } = *options;
        if coefficients == 0 || coefficients > mel.mels {
            let range = format!("there are 1 to as many as mels, {}", mel.mels);
            return Err(Error::option("coefficients", coefficients, range));
        }
        let bank = MelBank::new(mel)?;
        let stft = Stft::new(mel.n_fft, hop, &Window::Hann.periodic(mel.n_fft), padding)?;
        let mels = mel.mels as f64;
        let cosine = |order: usize, mel: usize| {
            let norm = if order == 0 { 1.0 / mels } else { 2.0 / mels };
            (norm.sqrt() * (PI * order as f64 * (mel as f64 + 0.5) / mels).cos()) as f32
        };
        let row = |order| (0..mel.mels).map(move |mel| cosine(order, mel));
        let cosines = (0..coefficients).flat_map(row).collect();
        Ok(Self { stft, bank, range_db, cosines, coefficients })
    }

    /// The coefficients of the sound, `[frames, coefficients]`.
    pub fn frames(&self, samples: &[f32]) -> Vec<f32> {
        let (count, mels) = (self.stft.frames(samples.len()), self.bank.mels());
        let mut decibels = vec![0.0; count * mels];
        let mut power = vec![0.0; self.stft.bins()];
        let mut rows = decibels.chunks_exact_mut(mels);
        self.stft.each(samples, 0..count, |spectrum| {
            self.bank.apply_power(spectrum, &mut power, rows.next().unwrap_or_default());
        });
        decibels.iter_mut().for_each(|value| *value = 10.0 * log10(value.max(LEAST)));
        if let Some(range) = self.range_db {
            let least = decibels.iter().copied().fold(f32::NEG_INFINITY, f32::max) - range;
            decibels.iter_mut().for_each(|value| *value = value.max(least));
        }
        let coefficient = |row: &[f32], cosines: &[f32]| {
            row.iter().zip(cosines).map(|(value, cosine)| value * cosine).sum()
        };
        let mut frames = Vec::with_capacity(count * self.coefficients);
        for row in decibels.chunks_exact(mels) {
            frames
                .extend(self.cosines.chunks_exact(mels).map(|cosines| -> f32 { coefficient(row, cosines) }));
        }
        frames
    }
}

/// Less power than this is silence.
const LEAST: f32 = 1e-10;
