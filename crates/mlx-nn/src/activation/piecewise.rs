//! Functions made of straight pieces, or of one parabola.

use mlx_core::{Array, Dtype, Result, select};

/// `max(0, x)`.
#[track_caller]
pub fn relu(x: &Array) -> Result<Array> {
    x.maximum(0.0)
}

/// `max(0, x)²`.
///
/// So et al., "Primer: Searching for Efficient Transformers for Language Modeling".
#[track_caller]
pub fn relu2(x: &Array) -> Result<Array> {
    relu(x)?.square()
}

/// `x` between 0 and 6.
#[track_caller]
pub fn relu6(x: &Array) -> Result<Array> {
    x.clip(0.0..=6.0)
}

/// `max(negative_slope · x, x)`.
#[track_caller]
pub fn leaky_relu(x: &Array, negative_slope: f32) -> Result<Array> {
    (x * negative_slope)?.maximum(x)
}

/// `x` above zero, `alpha · x` below, where `alpha` broadcasts to `x`.
///
/// He et al., "Delving Deep into Rectifiers".
#[track_caller]
pub fn prelu(x: &Array, alpha: &Array) -> Result<Array> {
    select(&x.greater(0.0)?, x, x * alpha)
}

/// `x` between `min` and `max`.
#[track_caller]
pub fn hard_tanh(x: &Array, min: f32, max: f32) -> Result<Array> {
    x.clip(min..=max)
}

/// `x` outside `-lambda..=lambda`, else zero.
#[track_caller]
pub fn hard_shrink(x: &Array, lambda: f32) -> Result<Array> {
    select(&x.abs()?.greater(lambda)?, x, 0.0)
}

/// `x` moved towards zero by `lambda`, but not past it.
#[track_caller]
pub fn softshrink(x: &Array, lambda: f32) -> Result<Array> {
    let moved = (x - (x.sign()? * lambda)?)?;
    select(&x.abs()?.greater(lambda)?, &moved, 0.0)
}

/// `x · min(max(x + 3, 0), 6) / 6`.
///
/// Howard et al., "Searching for MobileNetV3".
#[track_caller]
pub fn hardswish(x: &Array) -> Result<Array> {
    (x * relu6(&(x + 3.0)?)?)? / 6.0
}

/// 1 from `threshold` on, 0 below, as `int32`.
#[track_caller]
pub fn step(x: &Array, threshold: f32) -> Result<Array> {
    x.greater_equal(threshold)?.astype(Dtype::Int32)
}
