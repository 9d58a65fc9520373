//! What goes into the backbone.

use mlx_core::{Array, concatenate};

use super::config::{EncodecConfig, EncodecName, MelConfig, Place};
use crate::codec::Codes;
use crate::codec::part::reader::Reader;
use crate::dsp::{MelBank, MelOptions, Padding, Stft, Window, reflected};
use crate::{Error, Result};

pub(super) enum Front {
    Mel(Box<Mel>),
    Codes(Vectors),
}

/// Mel spectra as torchaudio makes them, of magnitudes, and their logarithms.
pub(super) struct Mel {
    stft: Stft,
    bank: MelBank,
    /// Samples that are mirrored at each end before.
    edge: usize,
    rate: u32,
}

/// What is less is as quiet as this.
const LEAST: f32 = 1e-7;

impl Mel {
    pub(super) fn new(config: &MelConfig) -> Result<Self> {
        let &MelConfig { sample_rate: rate, n_fft, hop_length: hop, n_mels, padding } = config;
        let (padding, edge) = match padding {
            Place::Center => (Padding::Reflect, 0),
            Place::Same => (Padding::None, n_fft.saturating_sub(hop) / 2),
        };
        let stft = Stft::new(n_fft, hop, &Window::Hann.periodic(n_fft), padding)?;
        Ok(Self { stft, bank: MelBank::new(&MelOptions::htk(rate, n_fft, n_mels))?, edge, rate })
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// `[frames, mels]`.
    pub(super) fn frames(&self, samples: &[f32]) -> Result<Array> {
        let edges = self.mirrored(samples);
        let samples = if self.edge == 0 { samples } else { &edges };
        let (count, mels) = (self.stft.frames(samples.len()), self.bank.mels());
        if count == 0 {
            return Err(Error::option("samples", samples.len(), "there must be at least a hop"));
        }
        let mut frames = vec![0.0; count * mels];
        let mut rows = frames.chunks_exact_mut(mels);
        let mut magnitudes = vec![0.0; self.stft.bins()];
        self.stft.each(samples, 0..count, |spectrum| {
            magnitudes.iter_mut().zip(spectrum).for_each(|(to, bin)| *to = bin.norm_sqr().sqrt());
            self.bank.apply(&magnitudes, rows.next().unwrap_or_default());
        });
        frames.iter_mut().for_each(|value| *value = value.max(LEAST).ln());
        let size = |size: usize| i32::try_from(size).unwrap_or(i32::MAX);
        Ok(Array::from_vec(frames, [size(count), size(mels)])?)
    }

    /// Samples with their edges, where they have any.
    fn mirrored(&self, samples: &[f32]) -> Vec<f32> {
        if self.edge == 0 || samples.is_empty() {
            return Vec::new();
        }
        let edge = self.edge as i64;
        let places = -edge..samples.len() as i64 + edge;
        let sample = |at| samples.get(reflected(at, samples.len()) as usize).copied().unwrap_or(0.0);
        places.map(sample).collect()
    }

    pub(super) fn check(&self, mel: &Array) -> Result<()> {
        let (shape, mels) = (mel.shape(), self.bank.mels());
        let fits = matches!(shape, &[frames, width] if frames > 0 && usize::try_from(width) == Ok(mels));
        if fits && mel.dtype().is_float() {
            return Ok(());
        }
        let found = format!("{shape:?} {}", mel.dtype());
        Err(Error::option("mel spectra", found, format!("they must be floats [frames, {mels}]")))
    }
}

/// The vectors of all codebooks of an EnCodec, and how many of those each bandwidth has.
pub(super) struct Vectors {
    table: Array,
    books: Vec<usize>,
    rate: u32,
}

/// Codes of a codebook, of both published EnCodecs.
const CODES: i32 = 1024;
const BITS: f64 = 10.0;

impl Vectors {
    pub(super) fn load(r: &Reader, config: &EncodecConfig, width: i32) -> Result<Self> {
        let (rate, frames) = match config.encodec_model {
            EncodecName::Mono => (24_000, 75.0),
            EncodecName::Stereo => (48_000, 150.0),
        };
        let count = |bandwidth: &f64| (bandwidth * 1000.0 / (BITS * frames)).floor().max(1.0);
        let counts: Vec<f64> = config.bandwidths.iter().map(count).collect();
        let most = counts.iter().copied().fold(0.0, f64::max);
        if !(1.0..=1024.0).contains(&most) {
            let problem = "bandwidths must be of 1 to 1024 codebooks";
            return Err(Error::config("the config", problem));
        }
        let table = r.floats("codebook_weights", [most as i32 * CODES, width])?;
        Ok(Self { table, books: counts.into_iter().map(|count| count as usize).collect(), rate })
    }

    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// The sums of the vectors `[frames, width]`, and the number of the bandwidth.
    pub(super) fn look_up(&self, codes: &Codes) -> Result<(Array, i32)> {
        let most = self.books.iter().copied().max().unwrap_or(1);
        let codes = concatenate(&codes.check(1, most, CODES)?, 0)?;
        let count = codes.dim(0)?;
        let bandwidth = (0..).zip(&self.books).find(|&(_, &books)| usize::try_from(count) == Ok(books));
        let Some((bandwidth, _)) = bandwidth else {
            let known: Vec<_> = self.books.iter().map(usize::to_string).collect();
            let range = format!("this Vocos decodes {} of them", known.join(", "));
            return Err(Error::option("codebooks", count, range));
        };
        let offsets = (Array::arange(0..count)? * CODES)?.expand_dims(1)?;
        let rows = (codes + offsets)?;
        Ok((self.table.take(&rows, 0)?.sum(0)?, bandwidth))
    }
}
