//! Adafactor.

use mlx_core::{Array, Result, keep};

use super::rule::{average, zeros};
use super::{Now, Rule, Schedule, Slots};

/// [`Adam`](super::Adam) that keeps, for a matrix, the squares of its gradients as one row and one column.
///
/// Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost".
#[derive(Clone, Debug)]
pub struct Adafactor {
    /// How far a step goes, unless `relative_step` finds that. One of both is needed.
    pub learning_rate: Option<Schedule>,
    /// What is added to squared gradients, and the least scale that a parameter counts as having.
    pub eps: (f64, f64),
    /// The largest root mean square of a step before it is scaled.
    pub clip_threshold: f64,
    /// The mean of squares follows by `1 - n` to this power in step `n`.
    pub decay_rate: f64,
    /// How slowly steps follow, if they are to be averaged.
    pub beta_1: Option<f64>,
    /// The share of a parameter that a step with rate 1 would take away.
    pub weight_decay: f64,
    /// Multiply steps by the root mean square of the parameter.
    pub scale_parameter: bool,
    /// Find the rate from the number of the step.
    pub relative_step: bool,
    /// Begin that rate at 1e-6 instead of 1e-2.
    pub warmup_init: bool,
}

impl Default for Adafactor {
    fn default() -> Self {
        Self {
            learning_rate: None,
            eps: (1e-30, 1e-3),
            clip_threshold: 1.0,
            decay_rate: -0.8,
            beta_1: None,
            weight_decay: 0.0,
            scale_parameter: true,
            relative_step: true,
            warmup_init: false,
        }
    }
}

impl Adafactor {
    /// How far the step goes for a parameter of this scale.
    fn rate(&self, now: &Now, scale: &Array) -> Result<Array> {
        let rate = if self.relative_step {
            let falling = now.step().rsqrt()?;
            match self.warmup_init {
                true => falling.minimum(1e-6 * now.step())?,
                false => falling.minimum(1e-2)?,
            }
            .astype(scale.dtype())?
        } else {
            now.rate(scale.dtype())?
        };
        if self.scale_parameter { rate * scale.maximum(self.eps.1)? } else { Ok(rate) }
    }

    /// The gradient, divided by the root of the running mean of its squares.
    fn direction(&self, decay: &Array, gradient: &Array, slots: &mut Slots<'_>) -> Result<Array> {
        let squares = (gradient.square()? + self.eps.0)?;
        if gradient.ndim() < 2 {
            let mean = follow(decay, slots.get("exp_avg_sq")?, &squares)?;
            let direction = mean.rsqrt()? * gradient;
            slots.set("exp_avg_sq", mean);
            return direction;
        }
        let rows = follow(decay, slots.get("exp_avg_sq_row")?, &squares.mean(-1)?)?;
        let columns = follow(decay, slots.get("exp_avg_sq_col")?, &squares.mean(-2)?)?;
        let of_rows = (&rows / rows.mean(keep(-1))?)?.rsqrt()?.expand_dims(-1)?;
        let scale = of_rows * columns.rsqrt()?.expand_dims(-2)?;
        slots.set("exp_avg_sq_row", rows);
        slots.set("exp_avg_sq_col", columns);
        scale? * gradient
    }
}

/// A running mean whose decay is an array.
fn follow(decay: &Array, old: &Array, new: &Array) -> Result<Array> {
    (decay * old)? + ((1.0 - decay)? * new)?
}

fn root_mean_square(x: &Array) -> Result<Array> {
    x.square()?.mean(..)?.sqrt()
}

impl Rule for Adafactor {
    fn learning_rate(&self) -> Option<&Schedule> {
        self.learning_rate.as_ref()
    }

    fn check(&self) -> crate::Result<()> {
        if self.relative_step || self.learning_rate.is_some() {
            return Ok(());
        }
        Err(crate::Error::config("learning_rate", "there is none: give one, or set `relative_step`"))
    }

    fn init_single(&self, parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
        if parameter.ndim() < 2 {
            zeros(&["exp_avg_sq"], parameter, slots)?;
        } else {
            let sums = parameter.zeros_like()?;
            slots.set("exp_avg_sq_row", sums.sum(-1)?);
            slots.set("exp_avg_sq_col", sums.sum(-2)?);
        }
        if self.beta_1.is_some() { zeros(&["exp_avg"], parameter, slots) } else { Ok(()) }
    }

    fn apply_single(
        &self,
        now: &Now,
        parameter: &Array,
        gradient: &Array,
        slots: &mut Slots<'_>,
    ) -> Result<Array> {
        let scale = root_mean_square(parameter)?;
        let rate = self.rate(now, &scale)?;
        let decay = (1.0 - now.step().power(self.decay_rate)?.astype(scale.dtype())?)?;
        let direction = self.direction(&decay, gradient, slots)?;
        let excess = (root_mean_square(&direction)? / self.clip_threshold)?.maximum(1.0)?;
        let mut step = (&rate * (direction / excess)?)?;
        if let Some(beta) = self.beta_1 {
            step = average(beta, slots.get("exp_avg")?, &step)?;
            slots.set("exp_avg", step.clone());
        }
        if self.weight_decay == 0.0 {
            return parameter - step;
        }
        (parameter + (parameter * (rate * -self.weight_decay)?)?)? - step
    }
}
