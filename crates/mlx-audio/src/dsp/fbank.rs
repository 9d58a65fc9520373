//! Kaldi's mel filter banks, as `torchaudio.compliance.kaldi.fbank` computes them, without dither.

use realfft::num_complex::Complex32;

use super::logarithm::ln;
use super::{MelBank, MelOptions, MelScale, Padding, Stft, Window};
use crate::{Error, Result};

/// What an [`Fbank`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct FbankOptions {
    /// Samples a second.
    pub rate: u32,
    /// How many filters.
    pub mels: usize,
    /// Where the first filter begins, in hertz.
    pub f_min: f64,
    /// Where the last filter ends, in hertz; half the rate if none is given.
    pub f_max: Option<f64>,
    /// The length of a frame in milliseconds.
    pub frame_ms: f64,
    /// The time between the beginnings of two frames in milliseconds.
    pub hop_ms: f64,
    /// What a frame is multiplied by.
    pub window: Window,
    /// How much of each sample is taken from the next.
    pub preemphasis: f32,
    /// What samples are multiplied by: 32768 for models that were trained on integers of 16 bits.
    pub scale: f32,
    /// Whether only whole frames are taken. If not, there is one for each hop, and the sound is mirrored at its ends.
    pub snip_edges: bool,
    /// Whether filters are over the squares of magnitudes.
    pub power: bool,
    /// Whether the natural logarithm is taken.
    pub logarithm: bool,
}

impl FbankOptions {
    /// Torchaudio's and Kaldi's defaults: frames of 25 ms each 10 ms, from 20 Hz to half the rate, Povey's window.
    pub fn new(rate: u32, mels: usize) -> Self {
        Self {
            rate,
            mels,
            f_min: 20.0,
            f_max: None,
            frame_ms: 25.0,
            hop_ms: 10.0,
            window: Window::Povey,
            preemphasis: 0.97,
            scale: 1.0,
            snip_edges: true,
            power: true,
            logarithm: true,
        }
    }
}

/// Kaldi's front end.
#[derive(Clone, Debug)]
pub struct Fbank {
    options: FbankOptions,
    /// Samples in a frame.
    frame: usize,
    /// Samples between the beginnings of two frames.
    hop: usize,
    window: Vec<f32>,
    /// Of one frame, filled up with zeros behind.
    transform: Stft,
    bank: MelBank,
}

impl Fbank {
    /// A front end.
    ///
    /// # Errors
    /// A frame has less than 2 samples or more than a minute, there is no hop, or the filters cannot be made.
    pub fn new(options: FbankOptions) -> Result<Self> {
        let samples = |ms: f64| (f64::from(options.rate) * ms * 0.001) as usize;
        let (frame, hop) = (samples(options.frame_ms), samples(options.hop_ms));
        if frame < 2 || options.frame_ms > LONGEST_MS {
            let range =
                format!("at {} Hz a frame must have 2 samples, and at most {LONGEST_MS} ms", options.rate);
            return Err(Error::option("frame_ms", options.frame_ms, range));
        }
        if hop == 0 {
            let range = format!("at {} Hz that is less than a sample", options.rate);
            return Err(Error::option("hop_ms", options.hop_ms, range));
        }
        let n_fft = frame.next_power_of_two();
        let &FbankOptions { rate, mels, f_min, f_max, .. } = &options;
        let bank = MelBank::new(&MelOptions {
            rate,
            n_fft,
            mels,
            f_min,
            f_max,
            scale: MelScale::Kaldi,
            even: false,
        })?;
        let transform = Stft::new(n_fft, n_fft, &Window::Rectangular.symmetric(n_fft), Padding::None)?;
        let window = options.window.symmetric(frame);
        Ok(Self { frame, hop, window, transform, bank, options })
    }

    /// How many frames so many samples have.
    pub fn count(&self, samples: usize) -> usize {
        match self.options.snip_edges {
            true => samples.checked_sub(self.frame).map_or(0, |rest| 1 + rest / self.hop),
            false => (samples + self.hop / 2) / self.hop,
        }
    }

    /// The frames of the sound, `[frames, mels]`.
    pub fn frames(&self, samples: &[f32]) -> Vec<f32> {
        let mels = self.bank.mels();
        let mut frames = vec![0.0; self.count(samples.len()) * mels];
        let mut frame = vec![0.0; self.transform.n_fft()];
        let mut values = vec![0.0; self.transform.bins()];
        for (at, row) in frames.chunks_exact_mut(mels).enumerate() {
            self.cut(samples, at, &mut frame);
            self.transform.each(&frame, 0..1, |spectrum| self.spectrum(spectrum, &mut values));
            self.bank.apply(&values, row);
        }
        if self.options.logarithm {
            frames.iter_mut().for_each(|value| *value = ln(value.max(f32::EPSILON)));
        }
        frames
    }

    fn spectrum(&self, spectrum: &[Complex32], values: &mut [f32]) {
        for (value, bin) in values.iter_mut().zip(spectrum) {
            let power = bin.norm_sqr();
            *value = if self.options.power { power } else { power.sqrt() };
        }
    }

    /// The samples of one frame without their mean, with pre-emphasis, by the window.
    fn cut(&self, samples: &[f32], at: usize, cut: &mut [f32]) {
        let before =
            if self.options.snip_edges { 0 } else { (self.frame / 2) as i64 - (self.hop / 2) as i64 };
        let begin = (at * self.hop) as i64 - before;
        let sample = |at: i64| samples.get(mirrored(at, samples.len())).copied().unwrap_or(0.0);
        for (cut, at) in cut.iter_mut().zip(begin..).take(self.frame) {
            *cut = self.options.scale * sample(at);
        }
        let frame = cut.get_mut(..self.frame).unwrap_or_default();
        let mean = frame.iter().sum::<f32>() / self.frame as f32;
        let mut before = frame.first().copied().unwrap_or(0.0) - mean;
        for (sample, weight) in frame.iter_mut().zip(&self.window) {
            let now = *sample - mean;
            *sample = (now - self.options.preemphasis * before) * weight;
            before = now;
        }
    }
}

/// No frame is longer.
const LONGEST_MS: f64 = 60_000.0;

/// Where the sample is that mirrors before the first and behind the last sample show at a place.
fn mirrored(at: i64, length: usize) -> usize {
    let length = length.max(1) as i64;
    let at = at.rem_euclid(2 * length);
    at.min(2 * length - 1 - at) as usize
}
