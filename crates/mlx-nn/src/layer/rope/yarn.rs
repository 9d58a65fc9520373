//! YaRN.

use std::f64::consts::TAU;

use super::powers;

/// Features that turn seldom are stretched, those that turn often stay, and all grow with the factor.
///
/// Peng et al., "YaRN: Efficient Context Window Extension of Large Language Models".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Yarn {
    /// How much the context is stretched.
    pub factor: f32,
    /// Positions in the pretraining.
    pub original_max_position_embeddings: i32,
    /// Features stay that turn more often than this in the original context.
    pub beta_fast: f32,
    /// Features are stretched in full that turn less often than this in the original context.
    pub beta_slow: f32,
    /// How much the features grow with the logarithm of the factor.
    pub mscale: f32,
    /// How much of that growth is left to the scale of the attention; 0 for none.
    pub mscale_all_dim: f32,
    /// Stretching sets in and ends at whole pairs of features.
    pub truncate: bool,
}

impl Yarn {
    pub(super) fn wavelengths(&self, base: f32, dims: i32) -> Vec<f32> {
        let (low, high) = self.ramp(base, dims);
        let blend = |pair: usize, length: f32| {
            let stretched = ((pair as f32 - low) / (high - low)).clamp(0.0, 1.0);
            let long = self.factor * length;
            long * length / (long * (1.0 - stretched) + length * stretched)
        };
        powers(base, dims).into_iter().enumerate().map(|(pair, length)| blend(pair, length)).collect()
    }

    /// The pairs of features between which stretching sets in.
    fn ramp(&self, base: f32, dims: i32) -> (f32, f32) {
        let (low, high) = (self.pair(self.beta_fast, base, dims), self.pair(self.beta_slow, base, dims));
        let (low, high) = if self.truncate { (low.floor(), high.ceil()) } else { (low, high) };
        let (low, high) = (low.max(0.0), high.min(f64::from(dims - 1)));
        // A ramp of no length would divide by zero.
        let high = if low == high { high + 0.001 } else { high };
        (low as f32, high as f32)
    }

    /// The pair of features that turns so many times in the original context.
    fn pair(&self, turns: f32, base: f32, dims: i32) -> f64 {
        let wave = f64::from(self.original_max_position_embeddings) / (f64::from(turns) * TAU);
        f64::from(dims) * wave.ln() / (2.0 * f64::from(base).ln())
    }

    /// What the features are multiplied by.
    pub(super) fn magnitude(&self) -> f32 {
        (self.growth(self.mscale) / self.growth(self.mscale_all_dim)) as f32
    }

    /// What the scale of the attention is multiplied by for queries, and again for keys.
    pub fn attention_growth(&self) -> f32 {
        self.growth(self.mscale_all_dim) as f32
    }

    fn growth(&self, mscale: f32) -> f64 {
        if self.factor <= 1.0 { 1.0 } else { 0.1 * f64::from(mscale) * f64::from(self.factor).ln() + 1.0 }
    }
}
