//! Spectra from states, and sound from spectra.

use mlx_core::Array;
use mlx_nn::Linear;

use super::config::{HeadConfig, Place};
use crate::Result;
use crate::codec::part::reader::Reader;
use crate::dsp::{Complex32, Padding, Stft, Window};

/// A layer that gives logarithms of magnitudes, then phases, of each frame.
pub(super) struct Head {
    layer: Linear,
    stft: Stft,
    /// Samples that are cut off at each end.
    edge: usize,
    place: Place,
}

/// No magnitude is larger.
const MOST: f32 = 100.0;

impl Head {
    pub(super) fn load(r: &Reader, config: &HeadConfig) -> Result<Self> {
        let &HeadConfig { dim, n_fft, hop_length, padding: place } = config;
        let layer = r.w.linear_with_bias("out", [n_fft + 2, dim], true)?;
        let (n_fft, hop) = (n_fft as usize, hop_length as usize);
        let (padding, edge) = match place {
            Place::Center => (Padding::Reflect, 0),
            Place::Same => (Padding::None, (n_fft - hop) / 2),
        };
        Ok(Self { layer, stft: Stft::new(n_fft, hop, &Window::Hann.periodic(n_fft), padding)?, edge, place })
    }

    /// Samples of a frame.
    pub(super) fn hop(&self) -> usize {
        self.stft.hop()
    }

    /// How many frames on each side a sample depends on, beyond its own.
    pub(super) fn reach(&self) -> i32 {
        (self.stft.n_fft() / self.stft.hop()) as i32 + 1
    }

    /// Sound of states `[frames, dim]`: a hop for each frame, or for each but the last.
    pub(super) fn sound(&self, states: &Array) -> Result<Vec<f32>> {
        let bins = self.stft.bins();
        let values = self.layer.forward(states)?.to_vec::<f32>()?;
        let mut spectra = Vec::with_capacity(values.len() / 2);
        for frame in values.chunks_exact(2 * bins) {
            let (logarithms, phases) = frame.split_at(bins);
            let polar = |(size, &phase): (&f32, &f32)| Complex32::from_polar(size.exp().min(MOST), phase);
            spectra.extend(logarithms.iter().zip(phases).map(polar));
        }
        let hops = (spectra.len() / bins).saturating_sub(1) * self.hop();
        if self.place == Place::Center {
            return self.stft.sound(&spectra, hops);
        }
        let mut sound = self.stft.sound(&spectra, hops + self.stft.n_fft())?;
        sound.truncate(sound.len().saturating_sub(self.edge));
        sound.drain(..self.edge.min(sound.len()));
        Ok(sound)
    }
}
