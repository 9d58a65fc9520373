//! The state of a generator.

use crate::ffi::{self, raw};
use crate::{Array, Dtype, Error, Kind, Result};

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

    /// A key that was kept as an array of two `uint32`.
    #[track_caller]
    pub fn from_array(array: Array) -> Result<Self> {
        if array.dtype() == Dtype::Uint32 && array.shape() == [2] {
            return Ok(Self(array));
        }
        Err(Error::new(Kind::Shape, "random.key", format!("a key is uint32 of shape [2], not {array:?}")))
    }

    /// The two `uint32` of this key, to keep.
    pub fn array(&self) -> &Array {
        &self.0
    }

    /// The key that `array` holds. MLX refuses to draw with one that is not two `uint32`.
    pub(crate) fn of_array(array: Array) -> Self {
        Self(array)
    }

    /// Two independent keys.
    #[track_caller]
    pub fn split(&self) -> Result<(Self, Self)> {
        let [a, b] = raw::random_split(&self.0)?;
        Ok((Self(a), Self(b)))
    }

    /// `count` independent keys.
    #[track_caller]
    pub fn split_into(&self, count: i32) -> Result<Vec<Self>> {
        let keys = raw::random_split_num(&self.0, count)?;
        (0..count).map(|at| keys.index(at).map(Self)).collect()
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
