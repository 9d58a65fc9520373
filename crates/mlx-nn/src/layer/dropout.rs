//! Layers that leave out parts of their input at random, in training.

use mlx_core::random::{Key, bernoulli};
use mlx_core::{Array, Error};

use crate::{Module, Result};

/// Leaves out elements, each with the probability `p`, and multiplies the others by `1 / (1 - p)`.
///
/// Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
///
/// ```
/// use mlx_core::{Array, Dtype, random::Key};
/// use mlx_nn::Dropout;
///
/// let (dropout, mut key) = (Dropout::new(0.5)?, Key::new(0)?);
/// let x = Array::ones([2, 8], Dtype::Float32)?;
/// let trained = dropout.forward(&x, Some(&mut key))?; // half of it twos, half of it zeros
/// let used = dropout.forward(&x, None)?; // as it is
/// # assert!(used.array_equal(&x, false)? && !trained.array_equal(&x, false)?);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Module, PartialEq)]
pub struct Dropout {
    /// The probability of what stays.
    keep: f32,
}

impl Dropout {
    /// A layer that leaves out elements with the probability `p`.
    ///
    /// # Errors
    /// `p` is not at least 0 and less than 1.
    pub fn new(p: f32) -> Result<Self> {
        if (0.0..1.0).contains(&p) {
            return Ok(Self { keep: 1.0 - p });
        }
        Err(crate::Error::config(
            "dropout",
            format!("{p} is not a probability of at least 0 and less than 1"),
        ))
    }

    /// `x` of any shape with elements left out, drawn with the next of `key`; without a key, `x` itself.
    #[track_caller]
    pub fn forward(&self, x: &Array, key: Option<&mut Key>) -> mlx_core::Result<Array> {
        self.leave_out(x, key, |_| {})
    }

    /// `x` with parts left out. `widen` gives the axes of a part the length 1.
    #[track_caller]
    fn leave_out(
        &self,
        x: &Array,
        key: Option<&mut Key>,
        widen: impl FnOnce(&mut [i32]),
    ) -> mlx_core::Result<Array> {
        let Some(key) = key.filter(|_| self.keep < 1.0) else {
            return Ok(x.clone());
        };
        let mut shape = x.shape().to_vec();
        widen(&mut shape);
        let stays = bernoulli(shape, self.keep, &key.next()?)?;
        (stays * x)? * (1.0 / self.keep)
    }
}

/// Leaves out whole channels of `N` axes of places, and multiplies the others by `1 / (1 - p)`.
///
/// Tompson et al., "Efficient Object Localization Using Convolutional Networks".
#[derive(Clone, Copy, Debug, Module, PartialEq)]
pub struct ChannelDropout<const N: usize>(Dropout);

/// Leaves out channels of images.
pub type Dropout2d = ChannelDropout<2>;

/// Leaves out channels of volumes.
pub type Dropout3d = ChannelDropout<3>;

impl<const N: usize> ChannelDropout<N> {
    /// A layer that leaves out channels with the probability `p`.
    ///
    /// # Errors
    /// `p` is not at least 0 and less than 1.
    pub fn new(p: f32) -> Result<Self> {
        Dropout::new(p).map(Self)
    }

    /// `x` `[batch, …, channels]` or `[…, channels]` with channels left out, drawn with the next of `key`; without a
    /// key, `x` itself. There are `N` axes of places.
    #[track_caller]
    pub fn forward(&self, x: &Array, key: Option<&mut Key>) -> mlx_core::Result<Array> {
        if x.ndim() != N + 1 && x.ndim() != N + 2 {
            let message = format!("{x:?} has not {N} axes between [batch] and channels");
            return Err(Error::custom("dropout", message));
        }
        self.0
            .leave_out(x, key, |shape| shape.iter_mut().rev().skip(1).take(N).for_each(|length| *length = 1))
    }
}
