//! The front end of Whisper: logarithms of mel spectra.

use std::ops::Range;

use super::logarithm::log10;
use super::stft::reflected;
use super::{MelBank, MelOptions, Padding, Stft, Window};
use crate::Result;

/// What Whisper hears: 100 frames a second of sound at 16 kHz, as openai-whisper's `log_mel_spectrogram` makes them.
///
/// [`frames`](Self::frames) does it all. For sound that does not fit into memory, [`stream`](Self::stream) takes it piece by
/// piece, and [`finish`](Self::finish) does what needs the loudest value of all.
#[derive(Clone, Debug)]
pub struct WhisperMel {
    /// Of sound that has its edges.
    stft: Stft,
    /// Of sound whose edges were put on before.
    inner: Stft,
    bank: MelBank,
}

impl WhisperMel {
    /// The rate that samples must have.
    pub const RATE: u32 = 16_000;
    /// Samples between the beginnings of two frames.
    pub const HOP: usize = 160;
    /// Samples in a frame.
    pub const N_FFT: usize = 400;

    /// A front end of so many mels: 80, or 128 from large-v3 on.
    ///
    /// # Errors
    /// There are no mels.
    pub fn new(mels: usize) -> Result<Self> {
        let window = Window::Hann.periodic(Self::N_FFT);
        let stft = |padding| Stft::new(Self::N_FFT, Self::HOP, &window, padding);
        let bank = MelBank::new(&MelOptions::slaney(Self::RATE, Self::N_FFT, mels))?;
        Ok(Self { stft: stft(Padding::Reflect)?, inner: stft(Padding::None)?, bank })
    }

    /// Numbers in a frame.
    pub fn mels(&self) -> usize {
        self.bank.mels()
    }

    /// How many frames so many samples have.
    pub fn count(&self, samples: usize) -> usize {
        samples / Self::HOP
    }

    /// The frames of sound at 16 kHz, `[frames, mels]`. Whisper itself puts 30 s of silence behind the sound before.
    pub fn frames(&self, samples: &[f32]) -> Vec<f32> {
        let mut frames = self.logarithms(samples, 0..self.count(samples.len()));
        let loudest = loudest(&frames);
        Self::finish(&mut frames, loudest);
        frames
    }

    /// The logarithms to base 10 of some frames of the sound, `[frames, mels]`, before [`finish`](Self::finish).
    pub fn logarithms(&self, samples: &[f32], frames: Range<usize>) -> Vec<f32> {
        let end = frames.end.min(self.count(samples.len()));
        let mut logarithms = Vec::new();
        self.extend(&self.stft, samples, frames.start.min(end)..end, &mut logarithms);
        logarithms
    }

    /// Cuts logarithms off at 8 below the loudest of the whole sound, and brings them to about -1 to 1.
    pub fn finish(logarithms: &mut [f32], loudest: f32) {
        let least = loudest - 8.0;
        logarithms.iter_mut().for_each(|value| *value = (value.max(least) + 4.0) / 4.0);
    }

    /// A stream that sound is fed to piece by piece.
    pub fn stream(&self) -> WhisperMelStream<'_> {
        WhisperMelStream {
            front: self,
            waiting: Vec::new(),
            samples: 0,
            frames: 0,
            loudest: f32::NEG_INFINITY,
        }
    }

    fn extend(&self, stft: &Stft, samples: &[f32], frames: Range<usize>, logarithms: &mut Vec<f32>) {
        let first = logarithms.len();
        logarithms.resize(first + frames.len() * self.mels(), 0.0);
        let new = logarithms.get_mut(first..).unwrap_or_default();
        let mut rows = new.chunks_exact_mut(self.mels());
        let mut power = vec![0.0; stft.bins()];
        stft.each(samples, frames, |spectrum| {
            let row = rows.next().unwrap_or_default();
            self.bank.apply_power(spectrum, &mut power, row);
        });
        // What is not a number becomes silence.
        new.iter_mut().for_each(|value| *value = log10(value.max(LEAST)));
    }
}

/// Less power than this is silence.
const LEAST: f32 = 1e-10;

fn loudest(logarithms: &[f32]) -> f32 {
    logarithms.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Makes the same numbers as [`WhisperMel::frames`] of sound that comes in pieces.
#[derive(Clone, Debug)]
pub struct WhisperMelStream<'a> {
    front: &'a WhisperMel,
    /// Samples from the beginning of the next frame on. Before the first frame, none of the edge is in it.
    waiting: Vec<f32>,
    /// How many samples came in all.
    samples: usize,
    /// How many frames went out in all.
    frames: usize,
    loudest: f32,
}

/// How many samples lie outside before and behind the sound.
const EDGE: usize = WhisperMel::N_FFT / 2;

impl WhisperMelStream<'_> {
    /// Takes the next samples, and appends the logarithms to base 10 of the frames that they complete.
    pub fn push(&mut self, samples: &[f32], logarithms: &mut Vec<f32>) {
        let begun = self.samples > EDGE;
        self.waiting.extend_from_slice(samples);
        self.samples += samples.len();
        if self.samples > EDGE {
            if !begun {
                self.begin();
            }
            self.take(self.front.inner.frames(self.waiting.len()), logarithms);
        }
    }

    /// Appends the frames that are left, and gives the loudest logarithm of all, for [`WhisperMel::finish`].
    pub fn end(mut self, logarithms: &mut Vec<f32>) -> f32 {
        if self.samples <= EDGE {
            self.begin();
        }
        let last = self.waiting.len().saturating_sub(1);
        let behind: Vec<f32> =
            (1..=EDGE).filter_map(|back| self.waiting.get(last.checked_sub(back)?).copied()).collect();
        self.waiting.extend(behind);
        self.take(self.front.count(self.samples) - self.frames, logarithms);
        self.loudest
    }

    /// Puts the edge before all samples, which wait.
    fn begin(&mut self) {
        let length = self.waiting.len();
        let sample = |at: i64| self.waiting.get(reflected(at, length) as usize).copied().unwrap_or(0.0);
        let edge: Vec<f32> = (-(EDGE as i64)..0).map(sample).collect();
        self.waiting.splice(..0, edge);
    }

    fn take(&mut self, frames: usize, logarithms: &mut Vec<f32>) {
        let first = logarithms.len();
        self.front.extend(&self.front.inner, &self.waiting, 0..frames, logarithms);
        self.waiting.drain(..(frames * WhisperMel::HOP).min(self.waiting.len()));
        self.frames += frames;
        self.loudest = self.loudest.max(loudest(logarithms.get(first..).unwrap_or_default()));
    }
}
