//! LongRoPE, which Phi calls "su".

use super::{positive, powers};
use crate::{Error, Result};

/// Each wave is stretched by its own factor. As in mlx-lm, those for short texts are used only where a model asks for it.
///
/// Ding et al., "LongRoPE: Extending LLM Context Window Beyond 2 Million Tokens".
#[derive(Clone, Debug, PartialEq)]
pub struct LongRope {
    /// The factor of each pair of features, or one for all.
    pub long_factor: Vec<f32>,
    /// The factors for texts that end within the positions of the pretraining, if those have others.
    pub short_factor: Option<Vec<f32>>,
    /// Positions in the pretraining.
    pub original_max_position_embeddings: i32,
}

impl LongRope {
    /// The wavelengths for long texts.
    pub(super) fn wavelengths(&self, base: f32, dims: i32) -> Result<Vec<f32>> {
        stretched("long_factor", &self.long_factor, powers(base, dims))
    }

    /// Those for short ones, if they are others.
    pub(super) fn short_wavelengths(&self, base: f32, dims: i32) -> Result<Option<Vec<f32>>> {
        let stretch = |factors: &Vec<f32>| stretched("short_factor", factors, powers(base, dims));
        self.short_factor.as_ref().map(stretch).transpose()
    }

    /// What the features are multiplied by, for a model of `max_position` positions.
    pub(super) fn magnitude(&self, max_position: i32) -> Result<f32> {
        let original = positive("original_max_position_embeddings", self.original_max_position_embeddings)?;
        let factor = f64::from(max_position) / f64::from(original);
        Ok(if factor <= 1.0 { 1.0 } else { (1.0 + factor.ln() / f64::from(original).ln()).sqrt() as f32 })
    }
}

/// Wavelengths, each times its factor, or all times one.
fn stretched(field: &str, factors: &[f32], powers: Vec<f32>) -> Result<Vec<f32>> {
    match factors {
        [factor] => Ok(powers.iter().map(|length| factor * length).collect()),
        factors if factors.len() == powers.len() => {
            Ok(factors.iter().zip(&powers).map(|(factor, length)| factor * length).collect())
        }
        factors => {
            let problem = format!("{} factors for {} pairs of features", factors.len(), powers.len());
            Err(Error::config(field, problem))
        }
    }
}
