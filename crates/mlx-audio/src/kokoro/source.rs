//! What a voice begins with: sines of its height and their harmonics, and noise.
//!
//! Wang et al., "Neural Source-Filter-Based Waveform Model for Statistical Parametric Speech Synthesis", as in Kokoro.

use std::f64::consts::TAU;

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};

use super::Kokoro;
use super::weights::linear;
use crate::Result;

/// Sines, of which a linear layer makes one sound.
#[derive(Module)]
pub(super) struct Source {
    linear: Linear,
    /// Samples of half a frame.
    samples: i32,
}

/// The height itself and eight harmonics.
pub(super) const WAVES: i32 = 9;
const LOUDNESS: f32 = 0.1;
/// The deviation of the noise where there is a voice; where there is none it is a third of the loudness.
const NOISE: f32 = 0.003;
/// The least height of a voice, in Hz.
const VOICED: f32 = 10.0;

impl Source {
    pub(super) fn load(w: &Weights, samples: i32) -> Result<Self> {
        Ok(Self { linear: linear(w, "l_linear", [1, WAVES])?, samples })
    }

    /// The sound `[1, samples]` of the height of each half frame, with noise `[samples, WAVES]` of deviation 1.
    pub(super) fn forward(&self, f0: &[f32], noise: &Array) -> MlxResult<Array> {
        let length = f0.len() as i32 * self.samples;
        let waves = Array::from_vec(waves(f0, self.samples as usize), [length, WAVES])?;
        let each = |of: fn(f32) -> f32| -> MlxResult<Array> {
            let values = f0.iter().map(|&height| of(height)).collect();
            Array::from_vec(values, [f0.len() as i32, 1])?.repeat(self.samples, 0)
        };
        let loudness = each(|height| if height > VOICED { LOUDNESS } else { 0.0 })?;
        let deviation = each(|height| if height > VOICED { NOISE } else { LOUDNESS / 3.0 })?;
        let both = ((waves * loudness)? + (noise * deviation)?)?;
        self.linear.forward(&both)?.tanh()?.reshape([1, length])
    }
}

/// The waves `[f0 · samples, WAVES]`, whose phases go straight from the middle of one half frame to that of the next.
///
/// Phases are summed in double precision and without whole turns, which in single precision become audible after some
/// seconds. The reference also draws first phases, but skips the only samples that would have them.
fn waves(f0: &[f32], samples: usize) -> Vec<f32> {
    let mut waves = vec![0.0; f0.len() * samples * WAVES as usize];
    for wave in 0..WAVES as usize {
        let turns = |height: f32| {
            let ratio = height * (wave + 1) as f32 / Kokoro::RATE as f32;
            f64::from(ratio - ratio.floor())
        };
        // Turns up to the middle of each half frame.
        let mut sum = 0.0;
        let middles: Vec<f64> = f0
            .iter()
            .map(|&height| {
                sum = (sum + turns(height) * samples as f64).fract();
                sum
            })
            .collect();
        let out = waves.iter_mut().skip(wave).step_by(WAVES as usize);
        for (at, value) in out.enumerate() {
            let place = ((at as f64 + 0.5) / samples as f64 - 0.5).max(0.0);
            let before = place as usize;
            let further = f0.get(before + 1).map_or(0.0, |&height| turns(height) * samples as f64);
            let base = middles.get(before).copied().unwrap_or_default();
            *value = (TAU * (base + place.fract() * further).fract()).sin() as f32;
        }
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_height_is_heard_as_so_many_waves_a_second() {
        let height = 240.0;
        let samples = 300;
        let found = waves(&[height; 80], samples);
        // A second, of which the first half of a half frame stands still.
        for wave in 0..2 {
            let heard: Vec<f32> = found.iter().skip(wave).step_by(WAVES as usize).copied().collect();
            let up = heard.windows(2).filter(|pair| pair[0] <= 0.0 && pair[1] > 0.0).count();
            let expected = 240.0 * (wave + 1) as f32 * (24_000.0 - 150.0) / 24_000.0;
            assert!((up as f32 - expected).abs() < 4.0, "{up} for {expected}");
        }
    }
}
