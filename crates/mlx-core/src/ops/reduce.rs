//! Ops that go over axes.

use crate::ffi::raw;
use crate::{Array, Axes, Dtype, Error, Kind, Result, Scan};

macro_rules! reduce {
    ($($(#[$doc:meta])* $name:ident, $axes:ident;)*) => {
        impl Array {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, axes: impl Into<Axes>) -> Result<Self> {
                let Axes { list, keep } = axes.into();
                match list {
                    Some(list) => raw::$axes(self, &list, keep),
                    None => raw::$name(self, keep),
                }
            }
        )*}
    };
}

reduce! {
    /// Whether all elements are true.
    all, all_axes;
    /// Whether any element is true.
    any, any_axes;
    /// `log(Σ exp(x))` without overflow.
    logsumexp, logsumexp_axes;
    /// The greatest element.
    max, max_axes;
    /// The average.
    mean, mean_axes;
    /// The smallest element.
    min, min_axes;
    /// The product.
    prod, prod_axes;
    /// The sum.
    sum, sum_axes;
}

impl Array {
    /// The variance; the divisor is the number of elements less `ddof`.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, ddof: i32) -> Result<Self> {
        let Axes { list, keep } = axes.into();
        match list {
            Some(list) => raw::var_axes(self, &list, keep, ddof),
            None => raw::var(self, keep, ddof),
        }
    }

    /// `exp(x) / Σ exp(x)` over the axes. Half types are summed in `float32`.
    #[track_caller]
    pub fn softmax(&self, axes: impl Into<Axes>) -> Result<Self> {
        match axes.into().list {
            Some(list) => raw::softmax_axes(self, &list, true),
            None => raw::softmax(self, true),
        }
    }

    /// The running sum along an axis: `-1`, or a [`Scan`] that says which way.
    #[track_caller]
    pub fn cumsum(&self, scan: impl Into<Scan>) -> Result<Self> {
        let Scan { axis, reverse, inclusive } = scan.into();
        raw::cumsum_axis(self, axis, reverse, inclusive, None)
    }

    /// Where the greatest element is, as `uint32`; `axes` is one axis or `..`.
    #[track_caller]
    pub fn argmax(&self, axes: impl Into<Axes>) -> Result<Self> {
        match self.one_axis(axes.into(), "argmax")? {
            (Some(axis), keep) => raw::argmax_axis(self, axis, keep),
            (None, keep) => raw::argmax(self, keep),
        }
    }

    /// Where the smallest element is, as `uint32`; `axes` is one axis or `..`.
    #[track_caller]
    pub fn argmin(&self, axes: impl Into<Axes>) -> Result<Self> {
        match self.one_axis(axes.into(), "argmin")? {
            (Some(axis), keep) => raw::argmin_axis(self, axis, keep),
            (None, keep) => raw::argmin(self, keep),
        }
    }

    #[track_caller]
    pub(super) fn one_axis(&self, axes: Axes, op: &'static str) -> Result<(Option<i32>, bool)> {
        match axes.list.as_deref() {
            None => Ok((None, axes.keep)),
            Some(&[axis]) => Ok((Some(axis), axes.keep)),
            Some(list) => Err(Error::new(Kind::Shape, op, format!("takes one axis or all, not {list:?}"))),
        }
    }

    /// Whether two arrays have the same shape and elements no further apart than
    /// `atol + rtol · |other|`.
    #[track_caller]
    pub fn allclose(&self, other: &Self, rtol: f64, atol: f64) -> Result<bool> {
        let close = raw::allclose(self, other, rtol, atol, false)?.astype(Dtype::Bool)?;
        close.item()
    }
}
