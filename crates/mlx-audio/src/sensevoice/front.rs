//! Kaldi's filter banks, some frames side by side.

use super::config::{Config, Frontend, Moments};
use crate::Result;
use crate::dsp::{Fbank, FbankOptions, Window};

/// What the encoder takes.
pub(super) struct Front {
    fbank: Fbank,
    mels: usize,
    /// Frames side by side.
    width: usize,
    step: usize,
    moments: Option<Moments>,
}

impl Front {
    pub(super) fn new(config: &Config, moments: Option<Moments>) -> Result<Self> {
        let &Frontend { fs, n_mels, frame_length, frame_shift, lfr_m, lfr_n, .. } = &config.frontend_conf;
        let options = FbankOptions {
            window: Window::Hamming,
            frame_ms: frame_length,
            hop_ms: frame_shift,
            scale: 32_768.0,
            ..FbankOptions::new(fs, n_mels)
        };
        Ok(Self { fbank: Fbank::new(options)?, mels: n_mels, width: lfr_m, step: lfr_n.max(1), moments })
    }

    /// How many rows so many samples have.
    pub(super) fn count(&self, samples: usize) -> usize {
        self.fbank.count(samples).div_ceil(self.step)
    }

    /// The rows of sound, `[count, width · mels]`. Beyond the ends are the first and the last frame again.
    pub(super) fn rows(&self, samples: &[f32]) -> Vec<f32> {
        let frames = self.fbank.frames(samples);
        let last = (frames.len() / self.mels.max(1)).saturating_sub(1);
        let before = self.width.saturating_sub(1) / 2;
        let mut rows = Vec::with_capacity(self.count(samples.len()) * self.width * self.mels);
        for row in 0..self.count(samples.len()) {
            for at in 0..self.width {
                let frame = (row * self.step + at).saturating_sub(before).min(last);
                rows.extend_from_slice(
                    frames.get(frame * self.mels..(frame + 1) * self.mels).unwrap_or_default(),
                );
            }
        }
        if let Some(Moments { shifts, scales }) = &self.moments {
            for row in rows.chunks_mut(shifts.len().max(1)) {
                let moments = shifts.iter().zip(scales);
                row.iter_mut()
                    .zip(moments)
                    .for_each(|(value, (shift, scale))| *value = (*value + shift) * scale);
            }
        }
        rows
    }
}
