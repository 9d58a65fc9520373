//! The length of all gradients together.

use mlx_core::{Array, Error, Result, Tree};

/// The gradients, made shorter together where their norm is above `max_norm`, and that norm before.
///
/// # Errors
/// `max_norm` is below 0.
#[track_caller]
pub fn clip_grad_norm<T: Tree>(gradients: &T, max_norm: f64) -> Result<(T, Array)> {
    let squares = gradients.leaves().into_iter().map(|gradient| gradient.square()?.sum(..));
    let total = squares.reduce(|a, b| a? + b?).unwrap_or_else(|| Ok(Array::from(0.0)));
    clip_to("clip_grad_norm", gradients, &total?, max_norm)
}

/// The same, where `squares` is the sum of the squares of all elements.
#[track_caller]
pub(crate) fn clip_to<T: Tree>(
    op: &'static str,
    gradients: &T,
    squares: &Array,
    max_norm: f64,
) -> Result<(T, Array)> {
    if max_norm < 0.0 {
        return Err(Error::custom(op, format!("max_norm is {max_norm}: give 0 or more")));
    }
    let norm = squares.sqrt()?;
    let scale = (max_norm / (&norm + 1e-6)?)?.minimum(1.0)?;
    Ok((gradients.tree_map(|_, gradient| gradient * &scale)?, norm))
}
