//! Drawing from distributions.

use std::borrow::Cow;

use super::Key;
use crate::ffi::raw;
use crate::linalg::on_cpu;
use crate::{Array, Dtype, Operand, Result};

/// A normal distribution; a [`Dtype`] alone is the one of mean 0 and variance 1.
///
/// ```
/// use mlx_core::{Array, Dtype, random};
///
/// let means = Array::from([-1e3, 1e3]);
/// let how = random::Normal { loc: Some(&means), ..Dtype::Float32.into() };
/// let x = random::normal([4, 2], how, &random::Key::new(0)?)?;
/// assert_eq!(x.less(0)?.to_vec::<bool>()?, [true, false].repeat(4));
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Normal<'a> {
    /// The type of the numbers: `complex64` draws both parts.
    pub dtype: Dtype,
    /// The mean, which broadcasts with the result; 0 if absent.
    pub loc: Option<&'a Array>,
    /// The standard deviation, which broadcasts with the result; 1 if absent.
    pub scale: Option<&'a Array>,
}

impl From<Dtype> for Normal<'_> {
    fn from(dtype: Dtype) -> Self {
        Self { dtype, loc: None, scale: None }
    }
}

/// A Laplace distribution; a [`Dtype`] alone is the one of mean 0 and scale 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Laplace {
    /// The type of the numbers.
    pub dtype: Dtype,
    /// The mean.
    pub loc: f32,
    /// The mean distance from it.
    pub scale: f32,
}

impl From<Dtype> for Laplace {
    fn from(dtype: Dtype) -> Self {
        Self { dtype, loc: 0.0, scale: 1.0 }
    }
}

/// How [`categorical`] draws; an axis alone is one draw for each place of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Categorical {
    /// The axis whose indices are drawn.
    pub axis: i32,
    /// How many.
    pub draws: Draws,
}

impl From<i32> for Categorical {
    fn from(axis: i32) -> Self {
        Self { axis, draws: Draws::One }
    }
}

/// How many indices [`categorical`] draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Draws {
    /// One for each place of the other axes.
    One,
    /// So many for each place, along a new last axis.
    Number(i32),
    /// A result of this shape, to which the other axes broadcast.
    Shape(Vec<i32>),
}

/// Random bits in unsigned numbers of 1, 2 or 4 bytes.
#[track_caller]
pub fn bits(shape: impl AsRef<[i32]>, width: i32, key: &Key) -> Result<Array> {
    raw::random_bits(shape.as_ref(), width, Some(key.array()))
}

/// Numbers from `low` to below `high`, all as likely; the bounds broadcast to `shape`.
#[track_caller]
pub fn uniform<'a>(
    shape: impl AsRef<[i32]>,
    low: impl Operand<'a>,
    high: impl Operand<'a>,
    dtype: Dtype,
    key: &Key,
) -> Result<Array> {
    let (low, high) = (bound(low, dtype)?, bound(high, dtype)?);
    raw::random_uniform(&low, &high, shape.as_ref(), dtype, Some(key.array()))
}

/// Numbers from a normal distribution.
#[track_caller]
pub fn normal<'a>(shape: impl AsRef<[i32]>, how: impl Into<Normal<'a>>, key: &Key) -> Result<Array> {
    let Normal { dtype, loc, scale } = how.into();
    raw::random_normal_broadcast(shape.as_ref(), dtype, loc, scale, Some(key.array()))
}

/// Numbers from a normal distribution of several variables, as `float32`: `mean` `[…, n]`, `covariance`
/// `[…, n, n]`, whose leading axes broadcast with `shape`, give `[…, n]`.
///
/// The root of the covariance is taken on the CPU.
#[track_caller]
pub fn multivariate_normal(
    mean: &Array,
    covariance: &Array,
    shape: impl AsRef<[i32]>,
    key: &Key,
) -> Result<Array> {
    let draw = || {
        raw::random_multivariate_normal(mean, covariance, shape.as_ref(), Dtype::Float32, Some(key.array()))
    };
    on_cpu(draw)
}

/// Numbers from the normal distribution of mean 0 and variance 1, none outside `lower` and `upper`, which broadcast
/// to `shape`.
#[track_caller]
pub fn truncated_normal<'a>(
    shape: impl AsRef<[i32]>,
    lower: impl Operand<'a>,
    upper: impl Operand<'a>,
    dtype: Dtype,
    key: &Key,
) -> Result<Array> {
    let (lower, upper) = (bound(lower, dtype)?, bound(upper, dtype)?);
    raw::random_truncated_normal(&lower, &upper, shape.as_ref(), dtype, Some(key.array()))
}

/// Numbers from the standard Gumbel distribution, `-log(-log(u))` of uniform `u`.
#[track_caller]
pub fn gumbel(shape: impl AsRef<[i32]>, dtype: Dtype, key: &Key) -> Result<Array> {
    raw::random_gumbel(shape.as_ref(), dtype, Some(key.array()))
}

/// Numbers from a Laplace distribution.
#[track_caller]
pub fn laplace(shape: impl AsRef<[i32]>, how: impl Into<Laplace>, key: &Key) -> Result<Array> {
    let Laplace { dtype, loc, scale } = how.into();
    raw::random_laplace(shape.as_ref(), dtype, loc, scale, Some(key.array()))
}

/// Whole numbers from `low` to below `high`, all as likely; the bounds broadcast to `shape`.
///
/// MLX draws them as `float32`, so ranges beyond 24 bits have gaps.
#[track_caller]
pub fn randint<'a>(
    shape: impl AsRef<[i32]>,
    low: impl Operand<'a>,
    high: impl Operand<'a>,
    dtype: Dtype,
    key: &Key,
) -> Result<Array> {
    let (low, high) = (bound(low, Dtype::Int64)?, bound(high, Dtype::Int64)?);
    raw::random_randint(&low, &high, shape.as_ref(), dtype, Some(key.array()))
}

/// Truth values that are true with probability `p`, which broadcasts to `shape`.
#[track_caller]
pub fn bernoulli<'a>(shape: impl AsRef<[i32]>, p: impl Operand<'a>, key: &Key) -> Result<Array> {
    raw::random_bernoulli(&*bound(p, Dtype::Float32)?, shape.as_ref(), Some(key.array()))
}

/// Indices along an axis, drawn with probability `softmax(logits)`, as `uint32`: an axis, or a [`Categorical`] that
/// says how many.
#[track_caller]
pub fn categorical(logits: &Array, how: impl Into<Categorical>, key: &Key) -> Result<Array> {
    let Categorical { axis, draws } = how.into();
    let key = Some(key.array());
    match draws {
        Draws::One => raw::random_categorical(logits, axis, key),
        Draws::Number(count) => raw::random_categorical_num_samples(logits, axis, count, key),
        Draws::Shape(shape) => raw::random_categorical_shape(logits, axis, &shape, key),
    }
}

/// The slices of an axis in random order.
#[track_caller]
pub fn permutation(x: &Array, axis: i32, key: &Key) -> Result<Array> {
    if x.dim(axis)? == 0 {
        return Ok(x.clone());
    }
    raw::random_permutation(x, axis, Some(key.array()))
}

/// The numbers from 0 to below `count` in random order, as `uint32`.
#[track_caller]
pub fn permutation_arange(count: i32, key: &Key) -> Result<Array> {
    if count == 0 {
        return Array::zeros([0], Dtype::Uint32);
    }
    raw::random_permutation_arange(count, Some(key.array()))
}

/// A bound as an array, where a number takes `dtype`.
#[track_caller]
fn bound<'a>(bound: impl Operand<'a>, dtype: Dtype) -> Result<Cow<'a, Array>> {
    bound.beside(&raw::zeros(&[], dtype)?)
}
