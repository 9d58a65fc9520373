//! Running what was built.

use crate::ffi::{self, Vector};
use crate::{Array, Result};

/// Computes the arrays, together, and returns when that is done.
///
/// # Errors
/// MLX cannot compute one of them: what an array that shares the failed work holds is then not defined. Or a file
/// could not be read, now or since the thread's last `eval`: its array is then zeros, which is told once.
#[track_caller]
pub fn eval<'a>(arrays: impl IntoIterator<Item = &'a Array>) -> Result<()> {
    ffi::data::eval(&Vector::collect(arrays)?)
}

/// Starts to compute the arrays and returns at once; reading one waits for it.
#[track_caller]
pub fn async_eval<'a>(arrays: impl IntoIterator<Item = &'a Array>) -> Result<()> {
    ffi::data::async_eval(&Vector::collect(arrays)?)
}
