//! Adam, and with weight decay AdamW.

use mlx_core::{Array, Result};

use super::rule::{average, require, require_decays, zeros};
use super::{Now, Rule, Schedule, Slots};

/// Steps along the running mean of gradients, divided by the root of that of their squares.
///
/// Kingma and Ba, "Adam: A Method for Stochastic Optimization".
#[derive(Clone, Debug)]
pub struct Adam {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// How slowly the means of gradients and of their squares follow.
    pub betas: (f64, f64),
    /// What is added to the divisor.
    pub eps: f64,
    /// Make up for both means starting at zero, as the paper does.
    pub bias_correction: bool,
}

impl Adam {
    /// With `betas` 0.9 and 0.999, `eps` 1e-8, and no correction.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        let learning_rate = learning_rate.into();
        Self { learning_rate, betas: (0.9, 0.999), eps: 1e-8, bias_correction: false }
    }

    /// What is taken from the parameter.
    fn step(&self, now: &Now, gradient: &Array, slots: &mut Slots<'_>) -> Result<Array> {
        let (rate, (b1, b2)) = (now.rate(gradient.dtype())?, self.betas);
        let m = average(b1, slots.get("m")?, gradient)?;
        let v = average(b2, slots.get("v")?, &gradient.square()?)?;
        let (mut above, mut below) = (rate, v.sqrt()?);
        if self.bias_correction {
            above = (above / lacking(b1, now)?)?.astype(gradient.dtype())?;
            below = (below * lacking(b2, now)?.rsqrt()?.astype(gradient.dtype())?)?;
        }
        let step = (above * &m)? / (below + self.eps)?;
        slots.set("m", m);
        slots.set("v", v);
        step
    }
}

/// The share of a running mean that its start does not have yet: `1 - betaⁿ` in step `n`.
fn lacking(beta: f64, now: &Now) -> Result<Array> {
    1.0 - Array::from(beta as f32).power(now.step())?
}

impl Rule for Adam {
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
        parameter - self.step(now, gradient, slots)?
    }
}

/// [`Adam`] with weight decay that is no part of the gradient.
///
/// Loshchilov and Hutter, "Decoupled Weight Decay Regularization".
#[derive(Clone, Debug)]
pub struct AdamW {
    /// How far a step goes.
    pub learning_rate: Schedule,
    /// How slowly the means of gradients and of their squares follow.
    pub betas: (f64, f64),
    /// What is added to the divisor.
    pub eps: f64,
    /// The share of a parameter that a step with rate 1 would take away.
    pub weight_decay: f64,
    /// Make up for both means starting at zero, as the paper does.
    pub bias_correction: bool,
}

impl AdamW {
    /// With `betas` 0.9 and 0.999, `eps` 1e-8, `weight_decay` 0.01, and no correction.
    pub fn new(learning_rate: impl Into<Schedule>) -> Self {
        let Adam { learning_rate, betas, eps, bias_correction } = Adam::new(learning_rate);
        Self { learning_rate, betas, eps, weight_decay: 0.01, bias_correction }
    }

    fn adam(&self) -> Adam {
        let Self { learning_rate, betas, eps, bias_correction, .. } = self.clone();
        Adam { learning_rate, betas, eps, bias_correction }
    }
}

impl Rule for AdamW {
    fn learning_rate(&self) -> Option<&Schedule> {
        Some(&self.learning_rate)
    }

    fn check(&self) -> crate::Result<()> {
        self.adam().check()
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
        let kept = (1.0 - (now.rate(gradient.dtype())? * self.weight_decay)?)?;
        (parameter * kept)? - self.adam().step(now, gradient, slots)?
    }
}
