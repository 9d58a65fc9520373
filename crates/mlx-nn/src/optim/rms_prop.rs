//! RMSprop.

use mlx_core::{Array, Result};

use super::rule::{average, require, require_positive, zeros};
use super::{Now, Rule, Schedule, Slots};

/// Steps divided by the root of the running mean of squared gradients.
///
/// Tieleman and Hinton, "Lecture 6.5: RMSprop".
#[derive(Clone, Debug)]
pub struct RmsProp {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// How slowly the mean of the squares follows them.
    pub alpha: f64,
    /// What is added to the divisor.
    pub eps: f64,
}

impl RmsProp {
    /// With `alpha` 0.99 and `eps` 1e-8.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Self { learning_rate: learning_rate.into(), alpha: 0.99, eps: 1e-8 }
    }
}

impl Rule for RmsProp {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn check(&self) -> crate::Result<()> {
        require(self.alpha >= 0.0, "alpha", self.alpha, "at least 0")?;
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
        let v = average(self.alpha, slots.get("v")?, &gradient.square()?)?;
        let divisor = v.sqrt()? + self.eps;
        slots.set("v", v);
        parameter - ((now.rate(gradient.dtype())? * gradient)? / divisor)?
    }
}
