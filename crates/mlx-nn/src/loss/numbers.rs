//! Losses of numbers: how far predictions are from what is right.

use std::f32::consts::{LN_2, TAU};

use mlx_core::{Array, Result, select};

use super::{Reduction, require, same_shape};

/// `prediction - target`, of one shape.
#[track_caller]
fn errors(op: &'static str, predictions: &Array, targets: &Array) -> Result<Array> {
    same_shape(op, [("predictions", predictions), ("targets", targets)])?;
    predictions - targets
}

/// The absolute error of each element.
///
/// # Errors
/// The shapes differ.
#[track_caller]
pub fn l1(predictions: &Array, targets: &Array, reduction: Reduction) -> Result<Array> {
    reduction.apply(errors("l1", predictions, targets)?.abs()?)
}

/// The squared error of each element.
///
/// # Errors
/// The shapes differ.
#[track_caller]
pub fn mse(predictions: &Array, targets: &Array, reduction: Reduction) -> Result<Array> {
    reduction.apply(errors("mse", predictions, targets)?.square()?)
}

/// The absolute error less `beta / 2`, or where it is less than `beta`, its square over `2 · beta`.
///
/// # Errors
/// The shapes differ, or `beta` is not positive.
#[track_caller]
pub fn smooth_l1(predictions: &Array, targets: &Array, beta: f32, reduction: Reduction) -> Result<Array> {
    const OP: &str = "smooth_l1";
    require(beta > 0.0, OP, || format!("beta is a positive number, not {beta}: l1 has no curve"))?;
    let far = errors(OP, predictions, targets)?.abs()?;
    let near = ((far.square()? * 0.5)? / beta)?;
    reduction.apply(select(&far.less(beta)?, &near, &far - 0.5 * beta)?)
}

/// Half the squared error, or where the error exceeds `delta`, `delta · (|error| - delta / 2)`.
///
/// Huber, "Robust Estimation of a Location Parameter".
///
/// # Errors
/// The shapes differ, or `delta` is not positive.
#[track_caller]
pub fn huber(predictions: &Array, targets: &Array, delta: f32, reduction: Reduction) -> Result<Array> {
    const OP: &str = "huber";
    require(delta > 0.0, OP, || format!("delta is a positive number, not {delta}"))?;
    let far = errors(OP, predictions, targets)?.abs()?;
    let near = far.minimum(delta)?;
    let linear = ((far - &near)? * delta)?;
    reduction.apply(((near.square()? * 0.5)? + linear)?)
}

/// `ln cosh` of the error of each element.
///
/// # Errors
/// The shapes differ.
#[track_caller]
pub fn log_cosh(predictions: &Array, targets: &Array, reduction: Reduction) -> Result<Array> {
    let errors = errors("log_cosh", predictions, targets)?;
    reduction.apply((errors.logaddexp(-&errors)? - LN_2)?)
}

/// How [`gaussian_nll`] goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNll {
    /// Whether to add `ln(2π) / 2`, which no parameter changes.
    pub full: bool,
    /// Variances are at least this.
    pub eps: f32,
    /// What becomes of the losses.
    pub reduction: Reduction,
}

impl From<Reduction> for GaussianNll {
    fn from(reduction: Reduction) -> Self {
        Self { full: false, eps: 1e-6, reduction }
    }
}

impl Default for GaussianNll {
    fn default() -> Self {
        Reduction::Mean.into()
    }
}

/// `(ln v + (target - mean)² / v) / 2` for each element of the `means` and the variances `v` that are predicted.
///
/// # Errors
/// The shapes differ, or `eps` is not positive.
#[track_caller]
pub fn gaussian_nll(
    means: &Array,
    targets: &Array,
    variances: &Array,
    options: impl Into<GaussianNll>,
) -> Result<Array> {
    const OP: &str = "gaussian_nll";
    let GaussianNll { full, eps, reduction } = options.into();
    require(eps > 0.0, OP, || format!("eps is a positive number, not {eps}"))?;
    same_shape(OP, [("means", means), ("targets", targets), ("variances", variances)])?;
    let variances = variances.maximum(eps)?;
    let distance = ((targets - means)?.square()? / &variances)?;
    let losses = ((variances.log()? + distance)? * 0.5)?;
    reduction.apply(if full { (losses + 0.5 * TAU.ln())? } else { losses })
}
