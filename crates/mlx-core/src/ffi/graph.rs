//! The order in which arrays are computed.

use mlx_sys as sys;

use super::{Vector, call};
use crate::{Array, Error, Kind, Result};

/// `array`, computed after `others`.
#[track_caller]
pub(crate) fn depends(array: &Array, others: &Vector) -> Result<Array> {
    let inputs = Vector::collect([array])?;
    let out = call::vector("depends", |out, _| {
        // SAFETY: two live vectors, the first of them not empty, which C does not check, and a result that
        // `call` owns.
        unsafe { sys::mlx_depends(out, inputs.raw(), others.raw()) }
    })?;
    match out.into_iter().next() {
        Some(array) => Ok(array),
        None => Err(Error::new(Kind::Mlx, "depends", "MLX returned no array")),
    }
}
