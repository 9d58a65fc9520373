//! Running totals and differences along an axis.

use crate::ffi::raw;
use crate::{Array, Result, Scan};

macro_rules! scans {
    ($($(#[$doc:meta])* $name:ident => $op:ident $($dtype:ident)?;)*) => {
        impl Array {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, scan: impl Into<Scan>) -> Result<Self> {
                let Scan { axis, reverse, inclusive } = scan.into();
                let at = self.axis(axis, stringify!($name))? as i32;
                if self.size() > 0 {
                    return raw::$op(self, at, reverse, inclusive $(, $dtype)?);
                }
                // MLX divides by the length of the axis. Only the type of the result is asked of it.
                let other = raw::expand_dims(self, -1)?;
                self.astype(raw::$op(&other, -1, reverse, inclusive $(, $dtype)?)?.dtype())
            }
        )*}
    };
}

scans! {
    /// The greatest element so far along an axis: `-1`, or a [`Scan`] that says which way.
    cummax => cummax_axis;
    /// The smallest element so far along an axis: `-1`, or a [`Scan`] that says which way.
    cummin => cummin_axis;
    /// The running product along an axis: `-1`, or a [`Scan`] that says which way.
    cumprod => cumprod_axis None;
    /// The running sum along an axis: `-1`, or a [`Scan`] that says which way.
    cumsum => cumsum_axis None;
    /// The running `log(Σ exp(x))` along an axis: `-1`, or a [`Scan`] that says which way.
    logcumsumexp => logcumsumexp_axis;
}

impl Array {
    /// Each element less the one before it along an axis, `times` over.
    #[track_caller]
    pub fn diff(&self, times: i32, axis: i32) -> Result<Self> {
        // After as many times as there are elements nothing is left, but MLX would go on.
        raw::diff(self, times.min(self.dim(axis)?), axis)
    }
}
