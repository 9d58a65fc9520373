//! Convolutions over one, two or three axes, and their transposes.
//!
//! Arrays are channels-last. The options of a layer are those of the op: [`mlx_core::Conv`].

mod transpose;

pub use transpose::{ConvTranspose, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d};

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Result};

use crate::layer::layers;
use crate::{Error, Module, Weights, init};

/// A convolution of `[batch, length, channels]`.
pub type Conv1d = Conv<1>;
/// A convolution of `[batch, height, width, channels]`.
pub type Conv2d = Conv<2>;
/// A convolution of `[batch, depth, height, width, channels]`.
pub type Conv3d = Conv<3>;

/// A convolution over `N` axes, with a weight of `[outputs, …kernel, inputs / groups]`.
///
/// ```
/// use mlx_core::{Array, Conv, Dtype, random::Key};
/// use mlx_nn::{Conv2d, Weights};
///
/// let how = Conv { stride: [2, 2], padding: [1, 1], ..Conv::default() };
/// let conv = Weights::init(Key::new(0)?).build(|w| Conv2d::load(w, [16, 3], [3, 3], how, true))?;
/// assert_eq!(conv.forward(&Array::ones([1, 8, 8, 3], Dtype::Float32)?)?.shape(), [1, 4, 4, 16]);
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Debug, Module)]
pub struct Conv<const N: usize> {
    weight: Array,
    bias: Option<Array>,
    #[module(skip)]
    how: mlx_core::Conv<N>,
}

impl<const N: usize> Conv<N> {
    /// A layer of a weight `[outputs, …kernel, inputs / groups]` and perhaps a bias `[outputs]`.
    pub fn new(weight: Array, bias: Option<Array>, how: mlx_core::Conv<N>) -> Self {
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
        how: mlx_core::Conv<N>,
        bias: bool,
    ) -> crate::Result<Self> {
        let (weight, bias) = parameters(w, channels, kernel, how.groups, bias)?;
        Ok(Self::new(weight, bias, how))
    }

    /// `[batch, …, inputs] -> [batch, …, outputs]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        shifted(x.conv_general(&self.weight, self.how.into())?, self.bias.as_ref())
    }
}

layers!(Conv1d, Conv2d, Conv3d);

#[track_caller]
fn shifted(y: Array, bias: Option<&Array>) -> Result<Array> {
    match bias {
        Some(bias) => y + bias,
        None => Ok(y),
    }
}

/// The weight of a layer, and its bias.
fn parameters<const N: usize>(
    w: &Weights,
    [outputs, inputs]: [i32; 2],
    kernel: [i32; N],
    groups: i32,
    bias: bool,
) -> crate::Result<(Array, Option<Array>)> {
    check(outputs, inputs, &kernel, groups)?;
    let shape = [&[outputs][..], &kernel, &[inputs / groups]].concat();
    let seen = f64::from(inputs) * kernel.map(f64::from).iter().product::<f64>();
    let weight = w.parameter("weight", shape, init::within_root(seen))?;
    let zeros = |shape: &[i32], _: &Key| Array::zeros(shape, Dtype::Float32);
    let bias = bias.then(|| w.parameter("bias", [outputs], zeros)).transpose()?;
    Ok((weight, bias))
}

fn check(outputs: i32, inputs: i32, kernel: &[i32], groups: i32) -> crate::Result<()> {
    for (field, length) in [("channels", outputs), ("channels", inputs), ("groups", groups)]
        .into_iter()
        .chain(kernel.iter().map(|&length| ("kernel", length)))
    {
        if length < 1 {
            return Err(Error::config(field, format!("{length} is not a positive number")));
        }
    }
    if inputs % groups == 0 && outputs % groups == 0 {
        return Ok(());
    }
    let problem =
        format!("{groups} does not divide {inputs} channels in and {outputs} out, as it must do both");
    Err(Error::config("groups", problem))
}
