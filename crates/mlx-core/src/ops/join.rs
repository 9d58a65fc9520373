//! Ops that put several arrays together.

use crate::ffi::{Vector, raw};
use crate::{Array, Operand, Result};

/// The arrays one after the other along an axis that they have.
#[track_caller]
pub fn concatenate<'a>(arrays: impl IntoIterator<Item = &'a Array>, axis: i32) -> Result<Array> {
    raw::concatenate_axis(&Vector::collect(arrays)?, axis)
}

/// The arrays one after the other along a new axis.
#[track_caller]
pub fn stack<'a>(arrays: impl IntoIterator<Item = &'a Array>, axis: i32) -> Result<Array> {
    raw::stack_axis(&Vector::collect(arrays)?, axis)
}

/// Elements of `yes` where `condition` is true, else of `no`; shapes broadcast. MLX calls it `where`.
#[track_caller]
pub fn select<'a>(condition: &Array, yes: &Array, no: impl Operand<'a>) -> Result<Array> {
    raw::r#where(condition, yes, &*no.beside(yes)?)
}
