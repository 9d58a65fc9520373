//! LongRoPE, which Phi calls "su".

use super::{positive, powers};
use crate::{Error, Result};

/// Each wave is stretched by its own factor. As in mlx-lm, the factors for short texts are not used.
///
/// Ding et al., "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens".
#[derive(Clone, Debug, PartialEq)]
pub struct LongRope {
    /// The factor of each pair of features, or one for all.
    pub long_factor: Vec<f32>,
    /// Positions in the pretraining.
    pub original_max_position_embeddings: i32,
}

impl LongRope {
    pub(super) fn wavelengths(&self, base: f32, dims: i32) -> Result<Vec<f32>> {
        let powers = powers(base, dims);
        match self.long_factor.as_slice() {
            [factor] => Ok(powers.iter().map(|length| factor * length).collect()),
            factors if factors.len() == powers.len() => {
                Ok(factors.iter().zip(&powers).map(|(factor, length)| factor * length).collect())
            }
            factors => {
                let problem = format!("{} factors for {} pairs of features", factors.len(), powers.len());
                Err(Error::config("long_factor", problem))
            }
        }
    }

    /// What the features are multiplied by, for a model of `max_position` positions.
    pub(super) fn magnitude(&self, max_position: i32) -> Result<f32> {
        let original = positive("original_max_position_embeddings", self.original_max_position_embeddings)?;
        let factor = f64::from(max_position) / f64::from(original);
        Ok(if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / f64::from(original).ln()).sqrt() as f32 })
    }
}
