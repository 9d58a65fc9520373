//! Relatives of [`Array::softmax`].

use mlx_core::{Array, Result, keep};

/// `ln softmax(x)` over `axis`.
#[track_caller]
pub fn log_softmax(x: &Array, axis: i32) -> Result<Array> {
    // Beside a large maximum, the logarithm of the sum would be lost to rounding.
    let shifted = (x - x.max(keep(axis))?.stop_gradient()?)?;
    &shifted - shifted.logsumexp(keep(axis))?
}

/// `softmax(-x)` over `axis`.
#[track_caller]
pub fn softmin(x: &Array, axis: i32) -> Result<Array> {
    (-x)?.softmax(axis)
}
