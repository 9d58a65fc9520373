//! Functions without corners, or with one at zero at most: exponentials and what bends like them.

use mlx_core::{Array, Result, fast, select};

/// `x · σ(x)`, also called swish.
#[track_caller]
pub fn silu(x: &Array) -> Result<Array> {
    fast::activate(fast::Activation::Silu, x)
}

/// `x · Φ(x)` with the normal distribution's `Φ`.
///
/// Hendrycks and Gimpel, "Gaussian Error Linear Units".
#[track_caller]
pub fn gelu(x: &Array) -> Result<Array> {
    fast::activate(fast::Activation::Gelu, x)
}

/// [`gelu`] by `tanh`; `gelu_pytorch_tanh` and `gelu_new` in configs.
#[track_caller]
pub fn gelu_approx(x: &Array) -> Result<Array> {
    fast::activate(fast::Activation::GeluApprox, x)
}

/// [`gelu`] by the sigmoid, off by up to 0.015; `quick_gelu` in configs.
#[track_caller]
pub fn gelu_fast_approx(x: &Array) -> Result<Array> {
    x * (x * 1.702)?.sigmoid()
}

/// `x` above zero, `alpha · (eˣ - 1)` below.
///
/// Clevert et al., "Fast and Accurate Deep Network Learning by Exponential Linear Units (ELUs)".
#[track_caller]
pub fn elu(x: &Array, alpha: f32) -> Result<Array> {
    let is_below = x.less_equal(0.0)?;
    // Where `x` is large, the exponential that is not taken would be infinite, and its gradient not a number.
    let below = select(&is_below, x, 0.0)?;
    select(&is_below, &((below.exp()? - 1.0)? * alpha)?, x)
}

/// [`elu`] with a smooth derivative: `max(0, x) + min(0, alpha · (e^(x / alpha) - 1))`.
///
/// Barron, "Continuously Differentiable Exponential Linear Units".
#[track_caller]
pub fn celu(x: &Array, alpha: f32) -> Result<Array> {
    let below = ((x.minimum(0.0)? / alpha)?.exp()? - 1.0)?;
    x.maximum(0.0)? + below * alpha
}

/// [`elu`] that keeps the mean 0 and the variance 1 of its input.
///
/// Klambauer et al., "Self-Normalizing Neural Networks"; the constants are rounded as MLX's are.
#[track_caller]
pub fn selu(x: &Array) -> Result<Array> {
    elu(x, 1.67326)? * 1.0507
}

/// `ln(1 + eˣ)`.
#[track_caller]
pub fn softplus(x: &Array) -> Result<Array> {
    x.logaddexp(0.0)
}

/// `x / (1 + |x|)`.
#[track_caller]
pub fn softsign(x: &Array) -> Result<Array> {
    x / (x.abs()? + 1.0)
}

/// `ln σ(x)`.
#[track_caller]
pub fn log_sigmoid(x: &Array) -> Result<Array> {
    let mirrored = softplus(&(-x)?)?;
    -mirrored
}

/// `x · tanh(softplus(x))`.
///
/// Misra, "Mish: A Self Regularized Non-Monotonic Activation Function".
#[track_caller]
pub fn mish(x: &Array) -> Result<Array> {
    x * softplus(x)?.tanh()
}
