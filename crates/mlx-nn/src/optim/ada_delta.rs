//! AdaDelta.

use mlx_core::{Array, Result};

use super::rule::{average, require, require_positive, zeros};
use super::{Now, Rule, Schedule, Slots};

/// Steps as long as earlier ones, measured by gradients and steps alike.
///
/// Zeiler, "ADADELTA: An Adaptive Learning Rate Method".
#[derive(Clone, Debug)]
pub struct AdaDelta {
    /// What steps are multiplied by.
    pub learning_rate: Schedule,
    /// How slowly both means follow.
    pub rho: f64,
    /// What is added to both means before their roots are drawn.
    pub eps: f64,
}

impl AdaDelta {
    /// With `rho` 0.9 and `eps` 1e-6.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Self { learning_rate: learning_rate.into(), rho: 0.9, eps: 1e-6 }
    }
}

impl Rule for AdaDelta {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn check(&self) -> crate::Result<()> {
        require(self.rho >= 0.0, "rho", self.rho, "at least 0")?;
        require_positive("eps", self.eps)
    }

    fn init_single(&self, parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
        zeros(&["u", "v"], parameter, slots)
    }

    fn apply_single(
        &self,
        now: &Now,
        parameter: &Array,
        gradient: &Array,
        slots: &mut Slots<'_>,
    ) -> Result<Array> {
        let u = slots.get("u")?;
        let v = average(self.rho, slots.get("v")?, &gradient.square()?)?;
        let scale = (u + self.eps)?.sqrt()? / (&v + self.eps)?.sqrt()?;
        let step = (scale * gradient)?;
        let u = average(self.rho, u, &step.square()?)?;
        slots.set("u", u);
        slots.set("v", v);
        parameter - (now.rate(gradient.dtype())? * step)?
    }
}
