//! The scaling of Llama 3.1.

use std::f32::consts::TAU;

use super::powers;

/// Long waves are stretched, short ones stay, those between are blended.
///
/// Grattafiori et al., "The Llama 3 Herd of Models"; the bands are those of Meta's implementation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Llama3 {
    /// How much long waves are stretched.
    pub factor: f32,
    /// Waves are long that do not go this many times into the original context.
    pub low_freq_factor: f32,
    /// Waves are short that go more often than this into the original context.
    pub high_freq_factor: f32,
    /// Positions in the pretraining.
    pub original_max_position_embeddings: i32,
}

impl Llama3 {
    pub(super) fn wavelengths(&self, base: f32, dims: i32) -> Vec<f32> {
        powers(base, dims).into_iter().map(|length| self.stretched(length)).collect()
    }

    fn stretched(&self, length: f32) -> f32 {
        let Self { factor, low_freq_factor: low, high_freq_factor: high, .. } = *self;
        let turns = self.original_max_position_embeddings as f32 / (TAU * length);
        if turns < low {
            length * factor
        } else if turns < high {
            let blend = (turns - low) / (high - low);
            length / ((1.0 - blend) / factor + blend)
        } else {
            length
        }
    }
}
