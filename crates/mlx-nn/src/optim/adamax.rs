//! Adamax.

use mlx_core::{Array, Result};

use super::rule::{average, require, require_decays, zeros};
use super::{Now, Rule, Schedule, Slots};

/// [`Adam`](super::Adam) that divides by the largest recent gradient.
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization", section 7.1.
#[derive(Clone, Debug)]
pub struct Adamax {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// How slowly the mean of gradients follows, and how slowly their maximum falls.
    pub betas: (f64, f64),
    /// What is added to the divisor.
    pub eps: f64,
}

impl Adamax {
    /// With `betas` 0.9 and 0.999, and `eps` 1e-8.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Self { learning_rate: learning_rate.into(), betas: (0.9, 0.999), eps: 1e-8 }
    }
}

impl Rule for Adamax {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn check(&self) -> crate::Result<()> {
        require_decays(self.betas)?;
        require(self.eps >= 0.0, "eps", self.eps, "at least 0")
    }

    fn init_single(&self, parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
        zeros(&["m", "v"], parameter, slots)
    }

    fn apply_single(
        &self,
        now: &Now,
        parameter: &Array,
        gradient: &Array,
        slots: &mut Slots<'_>,
    ) -> Result<Array> {
        let (b1, b2) = self.betas;
        let m = average(b1, slots.get("m")?, gradient)?;
        let v = (slots.get("v")? * b2)?.maximum(gradient.abs()?)?;
        let step = (now.rate(gradient.dtype())? * &m)? / (&v + self.eps)?;
        slots.set("m", m);
        slots.set("v", v);
        parameter - step?
    }
}
