//! Adagrad.

use mlx_core::{Array, Result};

use super::rule::{require_positive, zeros};
use super::{Now, Rule, Schedule, Slots};

/// Steps divided by the root of the sum of all squared gradients.
///
/// Duchi, Hazan and Singer, "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization".
#[derive(Clone, Debug)]
pub struct Adagrad {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// What is added to the divisor.
    pub eps: f64,
}

impl Adagrad {
    /// With `eps` 1e-8.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Self { learning_rate: learning_rate.into(), eps: 1e-8 }
    }
}

impl Rule for Adagrad {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn check(&self) -> crate::Result<()> {
        require_positive("eps", self.eps)
    }

    fn init_single(&self, parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
        zeros(&["v"], parameter, slots)
    }

    fn apply_single(
        &self,
        now: &Now,
        parameter: &Array,
        gradient: &Array,
        slots: &mut Slots<'_>,
    ) -> Result<Array> {
        let v = (slots.get("v")? + gradient.square()?)?;
        let divisor = v.sqrt()? + self.eps;
        slots.set("v", v);
        parameter - ((now.rate(gradient.dtype())? * gradient)? / divisor)?
    }
}
