//! Noticing that a training has failed.

use mlx_core::Array;

use crate::{Error, Result};

/// The number that a loss is, which computes it.
///
/// # Errors
/// [`Error::Diverged`] names the step, if the loss is infinite or not a number.
pub fn check_loss(loss: &Array, step: usize) -> Result<f32> {
    let loss = loss.astype(mlx_core::Dtype::Float32)?.item::<f32>()?;
    if loss.is_finite() { Ok(loss) } else { Err(Error::Diverged { step, loss }) }
}
