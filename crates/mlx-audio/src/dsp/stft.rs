//! Spectra of overlapping frames, and sound from such spectra.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};

use crate::{Error, Result};

/// What stands before the first sample and behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: the first frame begins at the first sample, and only whole frames are taken.
    None,
    /// Zeros, half a frame of them: the first frame has the first sample in its middle.
    Zeros,
    /// The sound backwards, half a frame of it, without the sample at the edge.
    Reflect,
}

/// Short-time Fourier transform of a real signal. A spectrum has `n_fft / 2 + 1` bins.
#[derive(Clone)]
pub struct Stft {
    hop: usize,
    padding: Padding,
    /// As long as a frame.
    window: Vec<f32>,
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
}

impl Stft {
    /// Frames of `n_fft` samples that begin `hop` samples apart, by a window, which stands in the middle of the frame if it
    /// is shorter.
    ///
    /// # Errors
    /// `n_fft` or `hop` is 0, or the window is longer than `n_fft`.
    pub fn new(n_fft: usize, hop: usize, window: &[f32], padding: Padding) -> Result<Self> {
        if n_fft == 0 || hop == 0 {
            let (option, value) = if n_fft == 0 { ("n_fft", n_fft) } else { ("hop", hop) };
            return Err(Error::option(option, value, "it must be at least 1"));
        }
        if window.len() > n_fft {
            return Err(Error::option("window", window.len(), format!("a frame has {n_fft} samples")));
        }
        let mut centred = vec![0.0; (n_fft - window.len()) / 2];
        centred.extend_from_slice(window);
        centred.resize(n_fft, 0.0);
        let mut planner = RealFftPlanner::new();
        let (forward, inverse) = (planner.plan_fft_forward(n_fft), planner.plan_fft_inverse(n_fft));
        Ok(Self { hop, padding, window: centred, forward, inverse })
    }

    /// Samples in a frame.
    pub fn n_fft(&self) -> usize {
        self.window.len()
    }

    /// Samples between the beginnings of two frames.
    pub fn hop(&self) -> usize {
        self.hop
    }

    /// Numbers in a spectrum.
    pub fn bins(&self) -> usize {
        self.n_fft() / 2 + 1
    }

    /// How many frames so many samples have. No samples have none.
    pub fn frames(&self, samples: usize) -> usize {
        match self.padding {
            _ if samples == 0 => 0,
            Padding::None => samples.checked_sub(self.n_fft()).map_or(0, |rest| 1 + rest / self.hop),
            Padding::Zeros | Padding::Reflect => 1 + (samples + 2 * self.edge() - self.n_fft()) / self.hop,
        }
    }

    /// The spectra as complex numbers, `[frames, bins]`.
    pub fn complex(&self, samples: &[f32]) -> Vec<Complex32> {
        let frames = 0..self.frames(samples.len());
        let mut spectra = Vec::with_capacity(frames.len() * self.bins());
        self.each(samples, frames, |spectrum| spectra.extend_from_slice(spectrum));
        spectra
    }

    /// The sizes of the complex numbers, `[frames, bins]`.
    pub fn magnitude(&self, samples: &[f32]) -> Vec<f32> {
        let mut power = self.power(samples);
        power.iter_mut().for_each(|value| *value = value.sqrt());
        power
    }

    /// The squares of the sizes of the complex numbers, `[frames, bins]`.
    pub fn power(&self, samples: &[f32]) -> Vec<f32> {
        let frames = 0..self.frames(samples.len());
        let mut spectra = Vec::with_capacity(frames.len() * self.bins());
        self.each(samples, frames, |spectrum| spectra.extend(spectrum.iter().map(Complex32::norm_sqr)));
        spectra
    }

    /// The sound of complex spectra, `[frames, bins]`, of so many samples: frames by the window are added up and divided
    /// by the sum of the window's squares. What lies behind the last frame is silence.
    ///
    /// # Errors
    /// The last spectrum is not whole.
    pub fn sound(&self, spectra: &[Complex32], samples: usize) -> Result<Vec<f32>> {
        if !spectra.len().is_multiple_of(self.bins()) {
            let range = format!("it must be a multiple of the {} bins", self.bins());
            return Err(Error::option("the number of values", spectra.len(), range));
        }
        let frames = spectra.len() / self.bins();
        let reach = frames.saturating_sub(1) * self.hop + self.n_fft();
        let (mut sound, mut weights) = (vec![0.0; reach], vec![0.0; reach]);
        let mut scratch = self.inverse.make_scratch_vec();
        let (mut spectrum, mut frame) = (self.inverse.make_input_vec(), self.inverse.make_output_vec());
        for (at, values) in spectra.chunks_exact(self.bins()).enumerate() {
            spectrum.copy_from_slice(values);
            self.make_hermitian(&mut spectrum);
            // All lengths are the plan's own, and the ends are real, so this does not fail.
            let _ = self.inverse.process_with_scratch(&mut spectrum, &mut frame, &mut scratch);
            let place = sound.iter_mut().zip(&mut weights).skip(at * self.hop);
            for (((sound, weight), value), window) in place.zip(&frame).zip(&self.window) {
                *sound += value * window;
                *weight += window * window;
            }
        }
        let scale = 1.0 / self.n_fft() as f32;
        let divided = sound.iter().zip(&weights).map(|(sound, &weight)| match weight > LEAST_WEIGHT {
            true => sound * scale / weight,
            false => 0.0,
        });
        let mut cut: Vec<f32> = divided.skip(self.edge()).take(samples).collect();
        cut.resize(samples, 0.0);
        Ok(cut)
    }

    /// Calls `take` with the spectrum of each of these frames.
    pub(crate) fn each(&self, samples: &[f32], frames: Range<usize>, mut take: impl FnMut(&[Complex32])) {
        let (mut frame, mut spectrum) = (self.forward.make_input_vec(), self.forward.make_output_vec());
        let mut scratch = self.forward.make_scratch_vec();
        for at in frames {
            self.cut(samples, at, &mut frame);
            // All lengths are the plan's own, so this does not fail.
            let _ = self.forward.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            take(&spectrum);
        }
    }

    /// How many samples stand before the first one.
    fn edge(&self) -> usize {
        if self.padding == Padding::None { 0 } else { self.n_fft() / 2 }
    }

    /// The samples of one frame, by the window.
    fn cut(&self, samples: &[f32], frame: usize, cut: &mut [f32]) {
        let (begin, edge) = (frame * self.hop, self.edge());
        let inside = begin.checked_sub(edge).and_then(|begin| samples.get(begin..)?.get(..self.n_fft()));
        if let Some(inside) = inside {
            for ((cut, sample), weight) in cut.iter_mut().zip(inside).zip(&self.window) {
                *cut = sample * weight;
            }
            return;
        }
        for ((cut, at), weight) in cut.iter_mut().zip(begin..).zip(&self.window) {
            *cut = weight * self.padding.sample(samples, at as i64 - edge as i64);
        }
    }

    /// Drops what the spectrum of a real signal cannot have.
    fn make_hermitian(&self, spectrum: &mut [Complex32]) {
        if let Some(first) = spectrum.first_mut() {
            first.im = 0.0;
        }
        let last = spectrum.last_mut().filter(|_| self.n_fft().is_multiple_of(2));
        if let Some(last) = last {
            last.im = 0.0;
        }
    }
}

/// Where windows add up to less, there is no sound.
const LEAST_WEIGHT: f32 = 1e-11;

impl fmt::Debug for Stft {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hop, padding, .. } = self;
        let mut fields = formatter.debug_struct("Stft");
        fields
            .field("n_fft", &self.n_fft())
            .field("hop", hop)
            .field("padding", padding)
            .finish_non_exhaustive()
    }
}

impl Padding {
    /// The sample at a place that may lie outside.
    fn sample(self, samples: &[f32], at: i64) -> f32 {
        let at = if self == Self::Reflect { reflected(at, samples.len()) } else { at };
        usize::try_from(at).ok().and_then(|at| samples.get(at)).copied().unwrap_or(0.0)
    }
}

/// Where the sample is that a mirror at the first and at the last sample shows at a place.
pub(crate) fn reflected(at: i64, length: usize) -> i64 {
    let last = length.saturating_sub(1) as i64;
    if last == 0 {
        return 0;
    }
    let at = at.rem_euclid(2 * last);
    at.min(2 * last - at)
}
