//! Arrays of numbers in a row.

use std::ops::{Range, RangeInclusive};

use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Result, Scalar};

/// Numbers a step apart: `0..5` as `int32`, `0.0..1.0` as `float32`, or with a step and a type of its own.
///
/// ```
/// use mlx_core::{Array, Dtype, Steps};
///
/// assert_eq!(Array::arange(0..3)?.to_vec::<i32>()?, [0, 1, 2]);
/// assert_eq!(Array::arange(Steps::by(5..0, -2))?.to_vec::<i32>()?, [5, 3, 1]);
/// let halves = Steps { dtype: Dtype::Float16, ..Steps::by(0.0..1.0, 0.5) };
/// assert_eq!(Array::arange(halves)?.dtype(), Dtype::Float16);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Steps {
    /// The first number.
    pub start: f64,
    /// Where the numbers end; it is not one of them.
    pub stop: f64,
    /// From one number to the next, not zero.
    pub step: f64,
    /// The type of the array.
    pub dtype: Dtype,
}

impl Steps {
    /// Every `step`-th number of a range.
    pub fn by(range: impl Into<Self>, step: impl Into<f64>) -> Self {
        Self { step: step.into(), ..range.into() }
    }

    /// Whether the type can hold the numbers. MLX would cut the step or wrap around.
    fn fit(self) -> bool {
        let Self { start, stop, step, dtype } = self;
        let count = ((stop - start) / step).ceil();
        if !dtype.is_integer() || !count.is_finite() || count < 1.0 {
            return true;
        }
        let last = start + (count - 1.0) * step;
        let whole = start.fract() == 0.0 && (step.fract() == 0.0 || count < 2.0);
        whole && dtype.spans(start, last)
    }
}

impl From<Range<i32>> for Steps {
    fn from(range: Range<i32>) -> Self {
        let (start, stop) = (range.start.into(), range.end.into());
        Self { start, stop, step: 1.0, dtype: Dtype::Int32 }
    }
}

impl From<Range<f64>> for Steps {
    fn from(range: Range<f64>) -> Self {
        Self { start: range.start, stop: range.end, step: 1.0, dtype: Dtype::Float32 }
    }
}

/// Two ends; the second is one of the numbers between them if it is written with `..=`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    start: f64,
    stop: f64,
    endpoint: bool,
}

impl From<RangeInclusive<f64>> for Interval {
    fn from(range: RangeInclusive<f64>) -> Self {
        Self { start: *range.start(), stop: *range.end(), endpoint: true }
    }
}

impl From<Range<f64>> for Interval {
    fn from(range: Range<f64>) -> Self {
        Self { start: range.start, stop: range.end, endpoint: false }
    }
}

impl Array {
    /// The numbers of a range a step apart: `0..5`, or [`Steps`].
    ///
    /// # Errors
    /// The step is zero, the range is not finite or too long, or a type of whole numbers cannot hold its
    /// numbers or its step.
    #[track_caller]
    pub fn arange(steps: impl Into<Steps>) -> Result<Self> {
        let steps = steps.into();
        let Steps { start, stop, step, dtype } = steps;
        if !steps.fit() {
            let message = format!("{dtype} does not hold the numbers from {start} to {stop} by {step}");
            return Err(Error::new(Kind::Dtype, "arange", message));
        }
        raw::arange(start, stop, step, dtype)
    }

    /// `count` numbers evenly from one end to the other: `0.0..=1.0` with the last end, `0.0..1.0` without.
    ///
    /// # Errors
    /// `count` is negative, or a type of whole numbers cannot hold both ends.
    #[track_caller]
    pub fn linspace(ends: impl Into<Interval>, count: i32, dtype: Dtype) -> Result<Self> {
        let Interval { start, stop, endpoint } = ends.into();
        if !dtype.spans(start, stop) {
            let message = format!("{dtype} does not hold the numbers from {start} to {stop}");
            return Err(Error::new(Kind::Dtype, "linspace", message));
        }
        if count == 1 {
            // MLX takes a single number for a `float32`.
            return Scalar::Float(start).array(dtype)?.reshape([1]);
        }
        raw::linspace_endpoint(start, stop, count, endpoint, dtype)
    }

    /// The `n` values of the triangular window, `1 - |2k / (n - 1) - 1|`.
    #[track_caller]
    pub fn bartlett(n: i32) -> Result<Self> {
        raw::bartlett(n)
    }

    /// The `n` values of Blackman's window, `0.42 - 0.5 cos(2πk / (n - 1)) + 0.08 cos(4πk / (n - 1))`.
    #[track_caller]
    pub fn blackman(n: i32) -> Result<Self> {
        raw::blackman(n)
    }

    /// The `n` values of Hamming's window, `0.54 - 0.46 cos(2πk / (n - 1))`.
    #[track_caller]
    pub fn hamming(n: i32) -> Result<Self> {
        raw::hamming(n)
    }

    /// The `n` values of von Hann's window, `0.5 - 0.5 cos(2πk / (n - 1))`.
    #[track_caller]
    pub fn hanning(n: i32) -> Result<Self> {
        raw::hanning(n)
    }
}
