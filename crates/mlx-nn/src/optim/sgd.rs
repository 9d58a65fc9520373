//! Stochastic gradient descent.

use mlx_core::{Array, Result};

use super::rule::{decayed, require, zeros};
use super::{Now, Rule, Schedule, Slots};

/// Stochastic gradient descent, with momentum if that is above 0.
#[derive(Clone, Debug)]
pub struct Sgd {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// How much of the last step goes into the next.
    pub momentum: f64,
    /// How much of the parameter is added to its gradient.
    pub weight_decay: f64,
    /// How much of the gradient stays out of the momentum.
    pub dampening: f64,
    /// Look ahead by the momentum. It needs one, without dampening.
    pub nesterov: bool,
}

impl Sgd {
    /// Without momentum and weight decay.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        let learning_rate = learning_rate.into();
        Self { learning_rate, momentum: 0.0, weight_decay: 0.0, dampening: 0.0, nesterov: false }
    }
}

impl Rule for Sgd {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn check(&self) -> crate::Result<()> {
        require(!self.nesterov || self.momentum > 0.0, "momentum", self.momentum, "above 0 with nesterov")?;
        require(!self.nesterov || self.dampening == 0.0, "dampening", self.dampening, "0 with nesterov")
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
        let rate = now.rate(gradient.dtype())?;
        let decayed = decayed(gradient, parameter, self.weight_decay)?;
        if self.momentum <= 0.0 {
            return parameter - (rate * decayed)?;
        }
        let kept = (slots.get("v")? * self.momentum)?;
        let v = match self.dampening {
            damping if damping > 0.0 => (kept + (&decayed * (1.0 - damping))?)?,
            _ => (kept + &decayed)?,
        };
        slots.set("v", v.clone());
        let update = if self.nesterov { (decayed + (v * self.momentum)?)? } else { v };
        parameter - (rate * update)?
    }
}
