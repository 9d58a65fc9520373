//! Another rate.

mod kernel;

use std::sync::Arc;

use crate::{Audio, Result};
use kernel::Kernel;

/// Brings sound of one channel that comes in pieces to another rate.
///
/// A windowed sinc of the quality that resampy and librosa call `kaiser_best`, computed exactly for each of the places
/// that new samples have between old ones, if there are few such places, and else interpolated. Nothing is delayed, and
/// pieces make the same samples as the whole. There are as many as `to / from` of the old, rounded up.
#[derive(Clone, Debug)]
pub struct Resampler {
    kernel: Arc<Kernel>,
    /// Old samples from the first that the next new one is made of on.
    waiting: Vec<f32>,
    /// How far behind an old sample the next new one is, in parts of the kernel.
    part: u64,
    /// How many old samples came in all.
    taken: u64,
    /// How many new samples went out in all.
    given: u64,
}

impl Resampler {
    /// How many times one rate may be the other.
    pub const MOST_RATIO: u32 = 256;

    /// A resampler from one rate to another, in samples a second.
    ///
    /// # Errors
    /// A rate is 0, or one is more than [`MOST_RATIO`](Self::MOST_RATIO) times the other.
    pub fn new(from: u32, to: u32) -> Result<Self> {
        let kernel = Arc::new(Kernel::new(from, to)?);
        let waiting = vec![0.0; kernel.before()];
        Ok(Self { kernel, waiting, part: 0, taken: 0, given: 0 })
    }

    /// Takes the next samples, and appends the new ones that they complete.
    pub fn push(&mut self, samples: &[f32], out: &mut Vec<f32>) {
        self.taken += samples.len() as u64;
        self.waiting.extend_from_slice(samples);
        self.take(u64::MAX, out);
    }

    /// Appends the new samples that are left. Behind the sound there is silence.
    pub fn end(mut self, out: &mut Vec<f32>) {
        let Kernel { up, down, .. } = *self.kernel;
        let count = (u128::from(self.taken) * u128::from(up)).div_ceil(u128::from(down)) as u64;
        self.waiting.resize(self.waiting.len() + self.kernel.taps, 0.0);
        self.take(count, out);
    }

    /// Makes new samples of those that wait, until there are so many in all.
    fn take(&mut self, count: u64, out: &mut Vec<f32>) {
        let Kernel { up, down, taps, .. } = *self.kernel;
        let (whole, rest) = ((down / up) as usize, down % up);
        let mut begin = 0;
        while self.given < count {
            let Some(old) = self.waiting.get(begin..begin + taps) else { break };
            out.push(self.kernel.apply(self.part, old));
            self.given += 1;
            self.part += rest;
            begin += whole;
            if self.part >= up {
                self.part -= up;
                begin += 1;
            }
        }
        self.waiting.drain(..begin.min(self.waiting.len()));
    }
}

/// Sound of one channel at another rate.
///
/// # Errors
/// As [`Resampler::new`].
pub fn resample(samples: &[f32], from: u32, to: u32) -> Result<Vec<f32>> {
    let mut resampler = Resampler::new(from, to)?;
    let count = (samples.len() as u64 * u64::from(to)).div_ceil(u64::from(from));
    let mut out = Vec::with_capacity(count as usize);
    samples.chunks(PIECE).for_each(|piece| resampler.push(piece, &mut out));
    resampler.end(&mut out);
    Ok(out)
}

/// How many samples wait at once.
const PIECE: usize = 1 << 14;

impl Audio {
    /// The same sound at another rate, as [`Resampler`] makes it of each channel.
    ///
    /// # Errors
    /// As [`Resampler::new`].
    pub fn resampled(self, rate: u32) -> Result<Self> {
        if rate == self.rate() {
            return Ok(self);
        }
        let channels = self.channels();
        if channels == 1 {
            return Self::new(resample(self.samples(), self.rate(), rate)?, 1, rate);
        }
        let channel = |at| self.samples().iter().copied().skip(at).step_by(channels).collect::<Vec<_>>();
        let mut samples = Vec::new();
        for at in 0..channels {
            let new = resample(&channel(at), self.rate(), rate)?;
            samples.resize(new.len() * channels, 0.0);
            samples.iter_mut().skip(at).step_by(channels).zip(new).for_each(|(sample, new)| *sample = new);
        }
        Self::new(samples, channels, rate)
    }
}
