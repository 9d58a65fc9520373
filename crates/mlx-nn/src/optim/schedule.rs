//! Learning rates that follow the number of the step.

use std::f64::consts::PI;
use std::fmt;
use std::sync::Arc;

use mlx_core::{Array, Dtype, Result, select};

use crate::Error;

/// A learning rate: a constant, as made by `from`, or a function of the step.
///
/// It is arithmetic on arrays, so a compiled step follows it.
///
/// ```
/// use mlx_nn::optim::{cosine_decay, join_schedules, linear_schedule};
///
/// let warmup = linear_schedule(0.0, 0.1, 10)?;
/// let rate = join_schedules([warmup, cosine_decay(0.1, 200, 0.0)?], [10])?;
/// let printed = [0, 5, 10, 999].map(|step| rate.at(step).map(|rate| format!("{rate:.2}")));
/// assert_eq!(printed.into_iter().collect::<Result<Vec<_>, _>>()?, ["0.00", "0.05", "0.10", "0.00"]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Schedule(Form);

#[derive(Clone, Debug)]
enum Form {
    Constant(f64),
    Exponential { init: f64, decay_rate: f64 },
    Steps { init: f64, decay_rate: f64, step_size: u32 },
    Cosine { init: f64, decay_steps: u32, end: f64 },
    Linear { init: f64, end: f64, steps: u32 },
    Join { first: Box<Schedule>, later: Vec<(u32, Schedule)> },
    Custom(Custom),
}

#[derive(Clone)]
struct Custom(Arc<Function>);

type Function = dyn Fn(&Array) -> Result<Array> + Send + Sync;

impl Schedule {
    /// A function of one's own: of the number of steps done, a `uint64`.
    pub fn new(rate: impl Fn(&Array) -> Result<Array> + Send + Sync + 'static) -> Self {
        Self(Form::Custom(Custom(Arc::new(rate))))
    }

    /// The rate after `step` steps as a number, to print.
    pub fn at(&self, step: u64) -> Result<f32> {
        self.rate(&Array::from(step))?.astype(Dtype::Float32)?.item()
    }

    /// The rate after `step` steps, an array of whole numbers.
    pub fn rate(&self, step: &Array) -> Result<Array> {
        match &self.0 {
            &Form::Constant(rate) => Ok(Array::from(rate as f32)),
            &Form::Exponential { init, decay_rate } => decayed(init, decay_rate, step),
            &Form::Steps { init, decay_rate, step_size } => {
                decayed(init, decay_rate, &step.floor_divide(step_size)?)
            }
            &Form::Cosine { init, decay_steps, end } => {
                let angle = (PI / f64::from(decay_steps)) * step.minimum(decay_steps)?;
                let decay = (0.5 * (1.0 + angle?.cos()?)?)?;
                end + (decay * (init - end))?
            }
            &Form::Linear { init, end, steps } => {
                (step.minimum(steps)? * ((end - init) / f64::from(steps)))? + init
            }
            Form::Join { first, later } => {
                later.iter().try_fold(first.rate(step)?, |earlier, &(boundary, ref schedule)| {
                    select(&step.less(boundary)?, &earlier, schedule.rate(&(step - boundary)?)?)
                })
            }
            Form::Custom(Custom(rate)) => rate(step),
        }
    }

    pub(super) fn is_constant(&self) -> bool {
        matches!(self.0, Form::Constant(_))
    }
}

impl From<f64> for Schedule {
    fn from(rate: f64) -> Self {
        Self(Form::Constant(rate))
    }
}

impl fmt::Debug for Custom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a function")
    }
}

/// `init · decay_rateⁿ` after `n` steps.
pub fn exponential_decay(init: f64, decay_rate: f64) -> Schedule {
    Schedule(Form::Exponential { init, decay_rate })
}

/// `init`, multiplied by `decay_rate` after every `step_size` steps.
///
/// # Errors
/// `step_size` is 0.
pub fn step_decay(init: f64, decay_rate: f64, step_size: u32) -> crate::Result<Schedule> {
    require_steps("step_size", step_size)?;
    Ok(Schedule(Form::Steps { init, decay_rate, step_size }))
}

/// From `init` to `end` along half a wave of the cosine, in `decay_steps` steps; then `end`.
///
/// # Errors
/// `decay_steps` is 0.
pub fn cosine_decay(init: f64, decay_steps: u32, end: f64) -> crate::Result<Schedule> {
    require_steps("decay_steps", decay_steps)?;
    Ok(Schedule(Form::Cosine { init, decay_steps, end }))
}

/// From `init` to `end` along a line, in `steps` steps; then `end`.
///
/// # Errors
/// `steps` is 0.
pub fn linear_schedule(init: f64, end: f64, steps: u32) -> crate::Result<Schedule> {
    require_steps("steps", steps)?;
    Ok(Schedule(Form::Linear { init, end, steps }))
}

/// One schedule after another. At each of `boundaries`, counted from the start of all, the next begins at its step 0.
///
/// # Errors
/// There is no schedule, or not one boundary less than schedules.
pub fn join_schedules(
    schedules: impl IntoIterator<Item = Schedule>,
    boundaries: impl IntoIterator<Item = u32>,
) -> crate::Result<Schedule> {
    let mut schedules = schedules.into_iter();
    let Some(first) = schedules.next().map(Box::new) else {
        return Err(Error::config("schedules", "there is none to join: give one at least"));
    };
    let (later, boundaries): (Vec<_>, Vec<_>) = (schedules.collect(), boundaries.into_iter().collect());
    if later.len() != boundaries.len() {
        let (given, needed) = (boundaries.len(), later.len());
        return Err(Error::config("boundaries", format!("{given} are given, but {needed} are needed")));
    }
    Ok(Schedule(Form::Join { first, later: boundaries.into_iter().zip(later).collect() }))
}

fn decayed(init: f64, decay_rate: f64, times: &Array) -> Result<Array> {
    init * Array::from(decay_rate as f32).power(times)?
}

fn require_steps(field: &str, steps: u32) -> crate::Result<()> {
    if steps > 0 { Ok(()) } else { Err(Error::config(field, "0 steps are none: give 1 or more")) }
}
