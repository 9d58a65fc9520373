//! How one array is updated, and how that becomes an optimiser.

use std::fmt::Debug;

use mlx_core::{Array, Dtype, Error, Result};

use super::{Optimizer, Schedule, Slots, State};
use crate::Parameters;

/// How one parameter is updated. Whatever has this is an [`Optimizer`]; this one takes steps of one length:
///
/// ```
/// use mlx_core::{Array, Result};
/// use mlx_nn::optim::{Now, Optimizer, Rule, Schedule, Slots};
///
/// #[derive(Debug)]
/// struct SignSgd {
///     learning_rate: Schedule,
/// }
///
/// impl Rule for SignSgd {
///     fn learning_rate(&self) -> Option<&Schedule> {
///         Some(&self.learning_rate)
///     }
///
///     fn apply_single(&self, now: &Now, parameter: &Array, gradient: &Array, _: &mut Slots<'_>) -> Result<Array> {
///         parameter - now.rate(gradient.dtype())? * gradient.sign()?
///     }
/// }
///
/// # fn main() -> mlx_nn::Result<()> {
/// let rule = SignSgd { learning_rate: 0.5.into() };
/// let parameters = [("w", Array::from([1.0, 2.0]))].into_iter().collect();
/// let gradients = [("w", Array::from([7.0, -7.0]))].into_iter().collect();
/// let (parameters, _) = rule.apply(&parameters, &gradients, &rule.init(&parameters)?)?;
/// assert_eq!(parameters.get("w").unwrap().to_vec::<f32>()?, [0.5, 2.5]);
/// # Ok(())
/// # }
/// ```
pub trait Rule: Debug {
    /// The rate that the state has as `learning_rate`; `None` if the rule finds its own.
    fn learning_rate(&self) -> Option<&Schedule>;

    /// Refuses settings that make no sense.
    fn check(&self) -> crate::Result<()> {
        Ok(())
    }

    /// Fills `slots` before the first step.
    #[expect(unused_variables, reason = "a rule without memory keeps nothing")]
    fn init_single(&self, parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
        Ok(())
    }

    /// The parameter after the step, with what is to be kept in `slots`.
    fn apply_single(
        &self,
        now: &Now,
        parameter: &Array,
        gradient: &Array,
        slots: &mut Slots<'_>,
    ) -> Result<Array>;
}

/// What all parameters share in one step.
#[derive(Debug)]
pub struct Now {
    step: Array,
    rate: Option<Array>,
}

impl Now {
    /// The number of this step, counted from 1: a `uint64`.
    pub fn step(&self) -> &Array {
        &self.step
    }

    /// The learning rate, for gradients of this type.
    ///
    /// # Errors
    /// The rule has none.
    #[track_caller]
    pub fn rate(&self, dtype: Dtype) -> Result<Array> {
        match &self.rate {
            Some(rate) => rate.astype(dtype),
            None => Err(Error::custom("optimizer", "the rule has no learning rate")),
        }
    }
}

impl<R: Rule> Optimizer for R {
    fn init(&self, parameters: &Parameters) -> crate::Result<State> {
        self.check()?;
        let start = Array::from(0_u64);
        let mut state = State::new(self.learning_rate().map(|rate| rate.rate(&start)).transpose()?);
        for (path, parameter) in parameters.iter() {
            self.init_single(parameter, &mut state.slots(path))?;
        }
        Ok(state)
    }

    fn apply(
        &self,
        parameters: &Parameters,
        gradients: &Parameters,
        state: &State,
    ) -> Result<(Parameters, State)> {
        let (mut parameters, mut state) = (parameters.clone(), state.clone());
        let now = advance(&mut state, self.learning_rate())?;
        for (path, gradient) in gradients.iter() {
            let Some(parameter) = parameters.get(path) else {
                let message = format!("there is a gradient but no parameter `{path}`");
                return Err(Error::custom("optimizer", message));
            };
            let changed = self.apply_single(&now, parameter, gradient, &mut state.slots(path))?;
            parameters.insert(path, changed);
        }
        Ok((parameters, state))
    }
}

/// Counts a step. A rate that is constant is the state's own, so that it can be changed there.
fn advance(state: &mut State, schedule: Option<&Schedule>) -> Result<Now> {
    let rate = match schedule {
        None => None,
        Some(schedule) if schedule.is_constant() => Some(state.learning_rate()?.clone()),
        Some(schedule) => Some(schedule.rate(state.step()?)?),
    };
    if let Some(rate) = &rate {
        state.set_learning_rate(rate.clone());
    }
    let step = (state.step()? + 1)?;
    state.set_step(step.clone());
    Ok(Now { step, rate })
}

/// `decay · old + (1 - decay) · new`, a running average.
pub(super) fn average(decay: f64, old: &Array, new: &Array) -> Result<Array> {
    (old * decay)? + (new * (1.0 - decay))?
}

/// The gradient with `decay` of the parameter as a part of it.
pub(super) fn decayed(gradient: &Array, parameter: &Array, decay: f64) -> Result<Array> {
    if decay == 0.0 { Ok(gradient.clone()) } else { gradient + (parameter * decay)? }
}

/// Starts every slot of `names` with zeros.
pub(super) fn zeros(names: &[&str], parameter: &Array, slots: &mut Slots<'_>) -> Result<()> {
    for name in names {
        slots.set(name, parameter.zeros_like()?);
    }
    Ok(())
}

/// Refuses a setting unless it `is` what it has to be.
pub(super) fn require(is: bool, field: &str, value: f64, what: &str) -> crate::Result<()> {
    if is { Ok(()) } else { Err(crate::Error::config(field, format!("{value} is not {what}"))) }
}

/// Refuses decays of running averages outside `[0, 1)`.
pub(super) fn require_decays(betas: (f64, f64)) -> crate::Result<()> {
    let decays = [("betas.0", betas.0), ("betas.1", betas.1)];
    decays.iter().try_for_each(|&(field, beta)| {
        require((0.0..1.0).contains(&beta), field, beta, "at least 0 and below 1")
    })
}

/// Refuses what is added to a divisor unless it is above 0.
pub(super) fn require_positive(field: &str, value: f64) -> crate::Result<()> {
    require(value > 0.0, field, value, "above 0")
}
