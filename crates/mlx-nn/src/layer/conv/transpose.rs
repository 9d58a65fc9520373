//! Transposes of convolutions.

use mlx_core::{Array, Result};

use super::{parameters, shifted};
use crate::layer::layers;
use crate::{Module, Weights};

/// The transpose of a convolution of `[batch, length, channels]`.
pub type ConvTranspose1d = ConvTranspose<1>;
/// The transpose of a convolution of `[batch, height, width, channels]`.
pub type ConvTranspose2d = ConvTranspose<2>;
/// The transpose of a convolution of `[batch, depth, height, width, channels]`.
pub type ConvTranspose3d = ConvTranspose<3>;

/// The transpose of a convolution over `N` axes, with a weight of `[outputs, …kernel, inputs / groups]`: each element
/// is spread over the kernel.
///
/// ```
/// use mlx_core::{Array, ConvTranspose, Dtype, random::Key};
/// use mlx_nn::{ConvTranspose1d, Weights};
///
/// let how = ConvTranspose { stride: [2], ..ConvTranspose::default() };
/// let conv = Weights::init(Key::new(0)?).build(|w| ConvTranspose1d::load(w, [3, 16], [2], how, true))?;
/// assert_eq!(conv.forward(&Array::ones([1, 4, 16], Dtype::Float32)?)?.shape(), [1, 8, 3]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct ConvTranspose<const N: usize> {
    weight: Array,
    bias: Option<Array>,
    #[module(skip)]
    how: mlx_core::ConvTranspose<N>,
}

impl<const N: usize> ConvTranspose<N> {
    /// A layer of a weight `[outputs, …kernel, inputs / groups]` and perhaps a bias `[outputs]`.
    pub fn new(weight: Array, bias: Option<Array>, how: mlx_core::ConvTranspose<N>) -> Self {
        Self { weight, bias, how }
    }

    /// The layer at the path of `w`, of `[outputs, inputs]` channels and a kernel of these lengths.
    ///
    /// # Errors
    /// The groups do not divide both numbers of channels, or a length is not positive.
    pub fn load(
        w: &Weights,
        channels: [i32; 2],
        kernel: [i32; N],
        how: mlx_core::ConvTranspose<N>,
        bias: bool,
    ) -> crate::Result<Self> {
        let (weight, bias) = parameters(w, channels, kernel, how.groups, bias)?;
        Ok(Self::new(weight, bias, how))
    }
}

macro_rules! forward {
    ($($layer:ident $op:ident;)*) => {$(
        impl $layer {
            /// `[batch, …, inputs] -> [batch, …, outputs]`.
            #[track_caller]
            pub fn forward(&self, x: &Array) -> Result<Array> {
                shifted(x.$op(&self.weight, self.how)?, self.bias.as_ref())
            }
        }
    )*};
}

forward! {
    ConvTranspose1d conv_transpose1d;
    ConvTranspose2d conv_transpose2d;
    ConvTranspose3d conv_transpose3d;
}

layers!(ConvTranspose1d, ConvTranspose2d, ConvTranspose3d);
