//! A hundred steps of every schedule.

use mlx_core::transform::{Shapes, compile};
use mlx_core::{Array, Result};
use mlx_nn::optim::{Schedule, cosine_decay, exponential_decay, join_schedules, linear_schedule, step_decay};

use super::{golden, relative_error};
use crate::fixture;

/// The schedules of `xtask/golden/optim.py`, by name.
fn schedules() -> mlx_nn::Result<Vec<(&'static str, Schedule)>> {
    let warmup = join_schedules([linear_schedule(0.0, 0.1, 10)?, cosine_decay(0.1, 50, 0.0)?], [10])?;
    let three = [linear_schedule(0.01, 0.2, 20)?, step_decay(0.2, 0.5, 7)?, exponential_decay(0.05, 0.9)];
    Ok(vec![
        ("exponential", exponential_decay(0.1, 0.97)),
        ("step", step_decay(0.1, 0.7, 9)?),
        ("cosine", cosine_decay(0.1, 60, 0.0)?),
        ("cosine_end", cosine_decay(0.2, 80, 0.05)?),
        ("linear", linear_schedule(0.0, 0.1, 70)?),
        ("linear_down", linear_schedule(0.3, 0.1, 33)?),
        ("join", warmup),
        ("join_three", join_schedules(three, [15, 60])?),
    ])
}

#[test]
fn a_hundred_steps_of_every_schedule_agree_with_mlx() {
    let golden = golden();
    for (name, schedule) in schedules().unwrap() {
        let rates: Vec<f32> = (0..100).map(|step| schedule.at(step).unwrap()).collect();
        let expected = fixture::array(&golden, &format!("schedule.{name}"));
        let error = relative_error(&Array::from_vec(rates, [100]).unwrap(), &expected);
        assert!(error < 1e-6, "{name} is off by {error:.1e}");
    }
}

#[test]
fn a_compiled_function_follows_a_schedule() -> mlx_nn::Result<()> {
    let schedule = join_schedules([linear_schedule(0.0, 0.5, 4)?, step_decay(0.5, 0.5, 3)?], [5])?;
    let traced = schedule.clone();
    let rate = compile(move |step: &Array| traced.rate(step), Shapes::Exact);
    for step in [0, 3, 5, 7, 8, 99] {
        let (compiled, plain) = (rate(&Array::from(step))?.item::<f32>()?, schedule.at(step)?);
        assert!((compiled - plain).abs() <= 1e-7, "{compiled} instead of {plain} in step {step}");
    }
    Ok(())
}

#[test]
fn a_schedule_may_be_a_function() -> Result<()> {
    let root = Schedule::new(|step| (step + 1)?.rsqrt());
    assert_eq!(root.at(3)?, 0.5);
    assert_eq!(Schedule::from(0.25).at(1000)?, 0.25);
    Ok(())
}

#[test]
fn schedules_without_steps_and_joins_that_do_not_fit_are_refused() {
    let message = |schedule: mlx_nn::Result<Schedule>| schedule.unwrap_err().to_string();
    assert_eq!(message(step_decay(0.1, 0.5, 0)), "step_size: 0 steps are none: give 1 or more");
    assert_eq!(message(cosine_decay(0.1, 0, 0.0)), "decay_steps: 0 steps are none: give 1 or more");
    assert_eq!(message(linear_schedule(0.1, 0.5, 0)), "steps: 0 steps are none: give 1 or more");
    assert_eq!(message(join_schedules([], [])), "schedules: there is none to join: give one at least");
    assert_eq!(message(join_schedules([0.1.into()], [7])), "boundaries: 1 are given, but 0 are needed");
}
