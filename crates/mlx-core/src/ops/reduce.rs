//! Ops that go over axes.

use std::borrow::Cow;

use crate::cpu::{self, Choice};
use crate::ffi::raw;
use crate::{Array, Axes, Category, Dtype, Error, Kind, Result};

macro_rules! reduce {
    ($($(#[$doc:meta])* $name:ident, $axes:ident $(, $choice:ident)?;)*) => {
        impl Array {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name(&self, axes: impl Into<Axes>) -> Result<Self> {
                let axes = axes.into();
                $(if let Some(found) = cpu::choose(self, Choice::$choice, &axes) {
                    return found;
                })?
                let (Axes { list, keep }, x) = (axes, self.in_order()?);
                filled(matches!(x, Cow::Owned(_)), match list {
                    Some(list) => raw::$axes(&x, &list, keep)?,
                    None => raw::$name(&x, keep)?,
                })
            }
        )*}
    };
}

reduce! {
    /// Whether all elements are true.
    all, all_axes;
    /// Whether any element is true.
    any, any_axes;
    /// How many elements are not zero, as `int32`.
    count_nonzero, count_nonzero_axes;
    /// `log(Σ exp(x))` without overflow.
    logsumexp, logsumexp_axes, LogSumExp;
    /// The greatest element.
    max, max_axes, Max;
    /// The average.
    mean, mean_axes;
    /// The smallest element.
    min, min_axes;
    /// The product.
    prod, prod_axes;
    /// The sum. On a CPU, halves are summed in halves, where 256 + 1 is 256 in `bfloat16`: convert long ones first.
    sum, sum_axes;
}

impl Array {
    /// The element in the middle of the order, or the average of the two there; NaN if there is one.
    #[track_caller]
    pub fn median(&self, axes: impl Into<Axes>) -> Result<Self> {
        let (Axes { list, keep }, source) = (axes.into(), self.in_order()?);
        let x = source.for_gpu()?;
        filled(
            matches!(source, Cow::Owned(_)),
            match list {
                Some(list) => raw::median_axes(&x, &list, keep)?,
                None => raw::median(&x, keep)?,
            },
        )
    }

    /// The variance; the divisor is the number of elements less `ddof`.
    #[track_caller]
    pub fn var(&self, axes: impl Into<Axes>, ddof: i32) -> Result<Self> {
        let (Axes { list, keep }, x) = (axes.into(), self.in_order()?);
        filled(
            matches!(x, Cow::Owned(_)),
            match list {
                Some(list) => raw::var_axes(&x, &list, keep, ddof)?,
                None => raw::var(&x, keep, ddof)?,
            },
        )
    }

    /// The standard deviation, the root of [`var`](Self::var).
    #[track_caller]
    pub fn std(&self, axes: impl Into<Axes>, ddof: i32) -> Result<Self> {
        let (Axes { list, keep }, x) = (axes.into(), self.in_order()?);
        filled(
            matches!(x, Cow::Owned(_)),
            match list {
                Some(list) => raw::std_axes(&x, &list, keep, ddof)?,
                None => raw::std(&x, keep, ddof)?,
            },
        )
    }

    /// How many elements the axes hold together, as one number of `dtype`.
    ///
    /// # Errors
    /// `dtype` cannot hold it.
    #[track_caller]
    pub fn number_of_elements(&self, axes: impl Into<Axes>, dtype: Dtype) -> Result<Self> {
        let axes = match axes.into().list {
            Some(list) => list.to_vec(),
            None => (0..).take(self.ndim()).collect(),
        };
        let mut count = 1.0;
        for &axis in &axes {
            // MLX takes axes that are not there for others.
            count *= f64::from(self.dim(axis)?);
        }
        if !dtype.spans(count, count) {
            let message = format!("{dtype} does not hold {count}");
            return Err(Error::new(Kind::Dtype, "number_of_elements", message));
        }
        raw::number_of_elements(self, &axes, false, dtype)
    }

    /// `exp(x) / Σ exp(x)` over the axes. Half types are summed in `float32`, which other numbers become.
    #[track_caller]
    pub fn softmax(&self, axes: impl Into<Axes>) -> Result<Self> {
        if !Category::Inexact.contains(self.dtype()) {
            // Along other axes than the last, MLX would cut the result to whole numbers.
            return self.astype(Dtype::Float32)?.softmax(axes);
        }
        let axes = axes.into().list;
        let last = i32::try_from(self.ndim()).unwrap_or(0) - 1;
        if matches!(axes.as_deref(), Some(&[axis]) if axis == -1 || axis == last)
            && let Some(weights) = cpu::softmax(self)
        {
            return weights;
        }
        match axes {
            Some(list) => raw::softmax_axes(self, &list, true),
            None => raw::softmax(self, true),
        }
    }

    /// Where the greatest element is, as `uint32`; `axes` is one axis or `..`.
    #[track_caller]
    pub fn argmax(&self, axes: impl Into<Axes>) -> Result<Self> {
        let axes = axes.into();
        if let Some(found) = cpu::choose(self, Choice::Argmax, &axes) {
            return found;
        }
        match self.one_axis(axes, "argmax")? {
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

    /// This array, or one like it without elements. MLX plans how to go over an axis by strides that it does
    /// not find where the axis has no elements and the array is not in row-major order.
    #[track_caller]
    fn in_order(&self) -> Result<Cow<'_, Self>> {
        if self.size() > 0 { Ok(Cow::Borrowed(self)) } else { Ok(Cow::Owned(self.zeros_in_order()?)) }
    }

    #[track_caller]
    fn zeros_in_order(&self) -> Result<Self> {
        raw::zeros(self.shape(), self.dtype())
    }

    #[track_caller]
    pub(super) fn one_axis(&self, axes: Axes, op: &'static str) -> Result<(Option<i32>, bool)> {
        match axes.list.as_deref() {
            None => Ok((None, axes.keep)),
            Some(&[axis]) => Ok((Some(axis), axes.keep)),
            Some(list) => Err(Error::new(Kind::Shape, op, format!("takes one axis or all, not {list:?}"))),
        }
    }
}

/// `result`, of which nothing need be computed if it has no elements, as it may where the source has none.
#[track_caller]
fn filled(is_of_nothing: bool, result: Array) -> Result<Array> {
    if is_of_nothing && result.size() == 0 { result.zeros_in_order() } else { Ok(result) }
}
