//! Adding elements at the ends of axes.

use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Result, Scalar};

/// What is added at the ends of an axis. A number is [`PadMode::Constant`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PadMode {
    /// One number.
    Constant(Scalar),
    /// The element at the end.
    Edge,
    /// The elements as in a mirror at the last one: `3 2 | 1 2 3`.
    Reflect,
    /// The elements as in a mirror behind the last one: `2 1 | 1 2 3`.
    Symmetric,
}

impl<T: Into<Scalar>> From<T> for PadMode {
    fn from(value: T) -> Self {
        Self::Constant(value.into())
    }
}

/// How often a mirror may show an axis.
const REFLECTIONS: i32 = 1000;

impl Array {
    /// More elements along axes: each entry of `widths` is an axis, how many come before, and how many after.
    ///
    /// ```
    /// use mlx_core::{Array, PadMode};
    ///
    /// let x = Array::from([1, 2, 3]);
    /// assert_eq!(x.pad([(0, 1, 2)], 0)?.to_vec::<i32>()?, [0, 1, 2, 3, 0, 0]);
    /// assert_eq!(x.pad([(0, 1, 2)], PadMode::Reflect)?.to_vec::<i32>()?, [2, 1, 2, 3, 2, 1]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// A width is negative, an axis is not there or comes twice, or there is no element to repeat.
    #[track_caller]
    pub fn pad(&self, widths: impl AsRef<[(i32, i32, i32)]>, mode: impl Into<PadMode>) -> Result<Self> {
        let (widths, mode) = (self.all_widths(widths.as_ref())?, mode.into());
        self.check_source(&widths, mode)?;
        let (name, value) = match mode {
            PadMode::Constant(value) => (c"constant", value),
            PadMode::Edge => (c"edge", Scalar::Int(0)),
            PadMode::Reflect => return self.mirrored(&widths, true),
            PadMode::Symmetric => return self.mirrored(&widths, false),
        };
        let axes: Vec<_> = (0..).take(widths.len()).collect();
        let (before, after): (Vec<_>, Vec<_>) = widths.into_iter().unzip();
        raw::pad(self, &axes, &before, &after, &value.array(self.dtype())?, name)
    }

    /// The elements as mirrors at both ends show them, which may stand at the last elements or behind them. MLX's
    /// own op leaves them out of gradients.
    #[track_caller]
    fn mirrored(&self, widths: &[(i32, i32)], at_the_last: bool) -> Result<Self> {
        if self.size() == 0 {
            let lengths = self.shape().iter().zip(widths);
            let shape: Vec<_> =
                lengths.map(|(&length, &(a, b))| length.saturating_add(a).saturating_add(b)).collect();
            return Self::zeros(shape, self.dtype());
        }
        let mut out = self.clone();
        for (axis, &(before, after)) in (0..).zip(widths) {
            if (before, after) == (0, 0) {
                continue;
            }
            let length = i64::from(self.dim(axis)?);
            let (first, end) = (-i64::from(before), length + i64::from(after));
            if end - first > i64::from(i32::MAX) {
                let message =
                    format!("an axis of length {length} cannot get {before} before and {after} after");
                return Err(Error::new(Kind::Shape, "pad", message));
            }
            let period = (2 * (length - i64::from(at_the_last))).max(1);
            let last = period - i64::from(!at_the_last);
            let dtype = if i32::try_from(period).is_ok() { Dtype::Int32 } else { Dtype::Int64 };
            let there = (raw::arange(first as f64, end as f64, 1.0, dtype)? % period)?;
            let back = ((&there * -1)? + last)?;
            out = out.take(&there.minimum(&back)?, axis)?;
        }
        Ok(out)
    }

    /// How many elements come before and after each axis. MLX reads one entry an axis, whichever are named.
    #[track_caller]
    fn all_widths(&self, named: &[(i32, i32, i32)]) -> Result<Vec<(i32, i32)>> {
        let (mut widths, mut seen) = (vec![(0, 0); self.ndim()], Vec::new());
        for &(axis, before, after) in named {
            let at = self.axis(axis, "pad")?;
            if before < 0 || after < 0 || seen.contains(&at) {
                let message =
                    format!("axis {axis} cannot get {before} before and {after} after in {named:?}");
                return Err(Error::new(Kind::Shape, "pad", message));
            }
            seen.push(at);
            if let Some(width) = widths.get_mut(at) {
                *width = (before, after);
            }
        }
        Ok(widths)
    }

    /// Refuses to repeat what is not there, or without bound.
    #[track_caller]
    fn check_source(&self, widths: &[(i32, i32)], mode: PadMode) -> Result<()> {
        for (&(before, after), &length) in widths.iter().zip(self.shape()) {
            let most = match mode {
                PadMode::Constant(_) => i32::MAX,
                PadMode::Edge => length.saturating_mul(i32::MAX),
                PadMode::Reflect if length > 1 => (length - 1).saturating_mul(REFLECTIONS),
                PadMode::Reflect | PadMode::Symmetric => length.saturating_mul(REFLECTIONS),
            };
            let wanted = before.max(after);
            if wanted > most {
                let message = format!("an axis of length {length} cannot give {wanted} elements at an end");
                return Err(Error::new(Kind::Shape, "pad", message));
            }
        }
        Ok(())
    }
}
