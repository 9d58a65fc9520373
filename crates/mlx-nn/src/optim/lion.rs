//! Lion.

use mlx_core::{Array, Result};

use super::rule::{average, require_decays, zeros};
use super::{Now, Rule, Schedule, Slots};

/// Steps of one length, in the direction of the signs of a running mean. Rates are 3 to 10 times smaller, and weight
/// decays as much larger, than those of [`AdamW`](super::AdamW).
///
/// Chen and others, "Symbolic Discovery of Optimization Algorithms".
#[derive(Clone, Debug)]
pub struct Lion {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// How much of the mean goes into the direction, and how slowly it follows.
    pub betas: (f64, f64),
    /// The share of a parameter that a step with rate 1 would take away.
    pub weight_decay: f64,
}

impl Lion {
    /// With `betas` 0.9 and 0.99, and no weight decay.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        Self { learning_rate: learning_rate.into(), betas: (0.9, 0.99), weight_decay: 0.0 }
    }
}

impl Rule for Lion {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn check(&self) -> crate::Result<()> {
        require_decays(self.betas)
    }

    fn init_single(&self, parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
        zeros(&["m"], parameter, slots)
    }

    fn apply_single(
        &self,
        now: &Now,
        parameter: &Array,
        gradient: &Array,
        slots: &mut Slots<'_>,
    ) -> Result<Array> {
        let (rate, (b1, b2)) = (now.rate(gradient.dtype())?, self.betas);
        let m = slots.get("m")?;
        let direction = average(b1, m, gradient)?.sign()?;
        let m = average(b2, m, gradient)?;
        slots.set("m", m);
        let step = (&rate * direction)?;
        if self.weight_decay > 0.0 {
            return (parameter * (1.0 - (rate * self.weight_decay)?)?)? - step;
        }
        parameter - step
    }
}
