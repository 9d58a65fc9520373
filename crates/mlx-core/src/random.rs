//! Random numbers from explicit keys: the same key gives the same numbers.

mod sequence;

pub use sequence::{key, seed};

use crate::ffi::{self, raw};
use crate::{Array, Dtype, Result, Scalar};

/// The state of a generator. Draw from it once, and [`split`](Key::split) it for the next draw.
///
/// ```
/// use mlx_core::{Dtype, random};
///
/// let mut keys = random::Key::new(7)?;
/// let x = random::normal([2, 3], Dtype::Float32, &keys.next()?)?;
/// assert_eq!(x.shape(), [2, 3]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Key(Array);

impl Key {
    /// The key of a seed.
    #[track_caller]
    pub fn new(seed: u64) -> Result<Self> {
        ffi::random::key(seed).map(Self)
    }

    pub(crate) fn array(&self) -> &Array {
        &self.0
    }

    /// The key that `array` holds. MLX refuses to draw with one that is not two `uint32`.
    pub(crate) fn from_array(array: Array) -> Self {
        Self(array)
    }

    /// Two independent keys.
    #[track_caller]
    pub fn split(&self) -> Result<(Self, Self)> {
        let [a, b] = raw::random_split(&self.0)?;
        Ok((Self(a), Self(b)))
    }

    /// Replaces this key, and returns one to draw with.
    #[track_caller]
    #[expect(
        clippy::should_implement_trait,
        reason = "it can fail, and MLX's sequence of keys has this word"
    )]
    pub fn next(&mut self) -> Result<Self> {
        let (next, now) = self.split()?;
        *self = next;
        Ok(now)
    }
}

/// Numbers between `low` and `high`, all as likely.
#[track_caller]
pub fn uniform(shape: impl AsRef<[i32]>, low: f32, high: f32, dtype: Dtype, key: &Key) -> Result<Array> {
    let low = Scalar::from(low).array(dtype)?;
    let high = Scalar::from(high).array(dtype)?;
    raw::random_uniform(&low, &high, shape.as_ref(), dtype, Some(&key.0))
}

/// Numbers of mean 0 and variance 1 from the normal distribution.
#[track_caller]
pub fn normal(shape: impl AsRef<[i32]>, dtype: Dtype, key: &Key) -> Result<Array> {
    raw::random_normal(shape.as_ref(), dtype, 0.0, 1.0, Some(&key.0))
}

/// One index along `axis` for each of the others, drawn with probability `softmax(logits)`, as `uint32`.
#[track_caller]
pub fn categorical(logits: &Array, axis: i32, key: &Key) -> Result<Array> {
    raw::random_categorical(logits, axis, Some(&key.0))
}
