//! Random keys.

use mlx_sys as sys;

use super::{Handle, call};
use crate::{Array, Result};

/// The key of a seed.
#[track_caller]
pub(crate) fn key(seed: u64) -> Result<Array> {
    let mut out = Handle::empty();
    // SAFETY: fills a handle that `out` owns.
    call::status("random_key", || unsafe { sys::mlx_random_key(out.as_mut_ptr(), seed) })?;
    Ok(Array::from_handle(out))
}
