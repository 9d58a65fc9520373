//! Nonlinear functions, element by element.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_PI};

use mlx_core::{Array, Result};

/// `x · σ(x)`, also called swish.
#[track_caller]
pub fn silu(x: &Array) -> Result<Array> {
    x * x.sigmoid()
}

/// `x · Φ(x)` with the normal distribution's `Φ`.
///
/// Hendrycks and Gimpel, "Gaussian Error Linear Units".
#[track_caller]
pub fn gelu(x: &Array) -> Result<Array> {
    let below = ((x * FRAC_1_SQRT_2)?.erf()? + 1.0)?;
    (x * below)? / 2.0
}

/// [`gelu`] by `tanh`; `gelu_pytorch_tanh` and `gelu_new` in configs.
#[track_caller]
pub fn gelu_approx(x: &Array) -> Result<Array> {
    let cubic = (x + (x.power(3)? * 0.044_715)?)?;
    let below = ((cubic * FRAC_2_PI.sqrt())?.tanh()? + 1.0)?;
    (x * 0.5)? * below
}

/// `silu(gate) · up`, the gate of most feed-forward layers.
///
/// Shazeer, "GLU Variants Improve Transformer".
#[track_caller]
pub fn swiglu(gate: &Array, up: &Array) -> Result<Array> {
    silu(gate)? * up
}
