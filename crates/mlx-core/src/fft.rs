//! Fourier transforms: `float32` and `complex64`, other types are converted.
//!
//! [`fft()`] and its inverse take one axis, or an [`Fft`] that says more; [`fftn`] takes several, or an [`FftN`].
//!
//! ```
//! use mlx_core::{Array, Closeness, fft};
//!
//! let x = Array::from([1.0, 2.0, 3.0, 4.0]);
//! let y = fft::irfft(&fft::rfft(&x, -1)?, -1)?;
//! assert!(x.allclose(&y, Closeness { atol: 1e-5, ..Closeness::default() })?);
//! # Ok::<(), mlx_core::Error>(())
//! ```

use crate::ffi::{FftNorm, raw};
use crate::{Array, Axes, Error, Kind, Result};

/// Where a transform and its inverse divide by the number of elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Norm {
    /// In the inverse.
    #[default]
    Backward,
    /// By the root of it in both.
    Ortho,
    /// In the forward transform.
    Forward,
}

impl Norm {
    fn raw(self) -> FftNorm {
        match self {
            Self::Backward => FftNorm::MLX_FFT_NORM_BACKWARD,
            Self::Ortho => FftNorm::MLX_FFT_NORM_ORTHO,
            Self::Forward => FftNorm::MLX_FFT_NORM_FORWARD,
        }
    }
}

/// A transform along one axis; an axis alone keeps its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fft {
    /// The axis to transform.
    pub axis: i32,
    /// The length to cut or pad the axis to before; of [`irfft`], the length of the result.
    pub n: Option<i32>,
    /// Where to divide.
    pub norm: Norm,
}

impl From<i32> for Fft {
    fn from(axis: i32) -> Self {
        Self { axis, n: None, norm: Norm::Backward }
    }
}

/// A transform along several axes; axes alone keep their lengths, and `..` is all, or the last two of [`fft2`].
///
/// A real transform takes half of the last of its axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FftN {
    /// The axes to transform.
    pub axes: Axes,
    /// A length for each axis, to cut or pad it to before; of [`irfftn`], the lengths of the result.
    pub n: Option<Vec<i32>>,
    /// Where to divide.
    pub norm: Norm,
}

impl<A: Into<Axes>> From<A> for FftN {
    fn from(axes: A) -> Self {
        Self { axes: axes.into(), n: None, norm: Norm::Backward }
    }
}

/// Whether a transform goes to real numbers: it then makes `2 (n - 1)` of `n`.
#[derive(Clone, Copy)]
enum Ends {
    Same,
    Doubled,
}

impl Ends {
    fn length(self, length: i32) -> i32 {
        match self {
            Self::Same => length,
            Self::Doubled => length.saturating_sub(1).saturating_mul(2),
        }
    }
}

macro_rules! along_one {
    ($($(#[$doc:meta])* $name:ident, $raw:ident, $ends:ident;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(a: &Array, how: impl Into<Fft>) -> Result<Array> {
            let Fft { axis, n, norm } = how.into();
            let n = match n {
                Some(n) => n,
                None => Ends::$ends.length(a.dim(axis)?),
            };
            raw::$raw(&*a.for_gpu()?, n, axis, norm.raw())
        }
    )*};
}

along_one! {
    /// The transform of one axis.
    fft, fft_fft, Same;
    /// The inverse of [`fft()`].
    ifft, fft_ifft, Same;
    /// The transform of real numbers: the first `n / 2 + 1` elements, as the others are their conjugates.
    rfft, fft_rfft, Same;
    /// The inverse of [`rfft`]; an odd length must be named.
    irfft, fft_irfft, Doubled;
}

macro_rules! along_many {
    ($($(#[$doc:meta])* $name:ident, $raw:ident, $ends:ident, $default:expr;)*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name(a: &Array, how: impl Into<FftN>) -> Result<Array> {
            let how = how.into();
            let (n, axes) = how.resolve(a, Ends::$ends, $default, concat!("fft.", stringify!($name)))?;
            raw::$raw(&*a.for_gpu()?, &n, &axes, how.norm.raw())
        }
    )*};
}

along_many! {
    /// The transform of two axes.
    fft2, fft_fft2, Same, Some(2);
    /// The inverse of [`fft2`].
    ifft2, fft_ifft2, Same, Some(2);
    /// The transform of two axes of real numbers.
    rfft2, fft_rfft2, Same, Some(2);
    /// The inverse of [`rfft2`]; an odd length must be named.
    irfft2, fft_irfft2, Doubled, Some(2);
    /// The transform of several axes.
    fftn, fft_fftn, Same, None;
    /// The inverse of [`fftn`].
    ifftn, fft_ifftn, Same, None;
    /// The transform of several axes of real numbers.
    rfftn, fft_rfftn, Same, None;
    /// The inverse of [`rfftn`]; an odd length must be named.
    irfftn, fft_irfftn, Doubled, None;
}

impl FftN {
    /// Lengths and axes for C; without a list, the last `default` axes, or all.
    #[track_caller]
    fn resolve(
        &self,
        a: &Array,
        ends: Ends,
        default: Option<i32>,
        op: &'static str,
    ) -> Result<(Vec<i32>, Vec<i32>)> {
        let axes = match (&self.axes.list, default) {
            (Some(list), _) => list.to_vec(),
            (None, Some(last)) => (-last..0).collect(),
            (None, None) if self.n.is_some() => {
                return Err(Error::new(Kind::Shape, op, "lengths need a list of axes"));
            }
            (None, None) => (0..).zip(a.shape()).map(|(axis, _)| axis).collect(),
        };
        if let Some(n) = &self.n {
            return Ok((n.clone(), axes));
        }
        let mut n = Vec::with_capacity(axes.len());
        for &axis in &axes {
            n.push(a.dim(axis)?);
        }
        if let Some(last) = n.last_mut() {
            *last = ends.length(*last);
        }
        Ok((n, axes))
    }
}

/// The frequencies of the elements of [`fft()`] for `n` samples that are `d` apart.
#[track_caller]
pub fn fftfreq(n: i32, d: f64) -> Result<Array> {
    refuse_greatest(n, "fft.fftfreq")?;
    raw::fft_fftfreq(n, d)
}

/// The frequencies of the elements of [`rfft`] for `n` samples that are `d` apart.
#[track_caller]
pub fn rfftfreq(n: i32, d: f64) -> Result<Array> {
    refuse_greatest(n, "fft.rfftfreq")?;
    raw::fft_rfftfreq(n, d)
}

/// MLX adds 1 to the number of samples.
#[track_caller]
fn refuse_greatest(n: i32, op: &'static str) -> Result<()> {
    if n == i32::MAX { Err(Error::new(Kind::Shape, op, format!("{n} samples are too many"))) } else { Ok(()) }
}

/// Frequency 0 moved to the middle of each axis.
#[track_caller]
pub fn fftshift(a: &Array, axes: impl Into<Axes>) -> Result<Array> {
    raw::fft_fftshift(a, &listed(a, axes.into()))
}

/// The inverse of [`fftshift`].
#[track_caller]
pub fn ifftshift(a: &Array, axes: impl Into<Axes>) -> Result<Array> {
    raw::fft_ifftshift(a, &listed(a, axes.into()))
}

fn listed(a: &Array, axes: Axes) -> Vec<i32> {
    match axes.list {
        Some(list) => list.to_vec(),
        None => (0..).zip(a.shape()).map(|(axis, _)| axis).collect(),
    }
}
