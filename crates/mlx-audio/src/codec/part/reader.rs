//! Layers of a checkpoint, whichever way its convolutions lie.

use mlx_core::{Array, Conv, ConvTranspose, Dtype};
use mlx_nn::{Conv1d, ConvTranspose1d, Weights};

use crate::Result;

/// How a checkpoint stores the weights of convolutions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `[outputs, inputs, kernel]`, and transposed `[inputs, outputs, kernel]`.
    Torch,
    /// `[outputs, kernel, inputs]`; transposed so too, or `[inputs, kernel, outputs]`.
    Mlx,
}

/// Weights seen from a path, and how convolutions lie in them.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(crate) w: Weights,
    layout: Layout,
}

/// `[outputs, inputs]`.
pub(crate) type Channels = [i32; 2];

impl Reader {
    /// The layout is told by the convolution `probe`, which has such `inputs` and such a `kernel`.
    pub(crate) fn new(w: &Weights, probe: &str, inputs: i32, kernel: i32) -> Self {
        let is_mlx =
            w.shape(&format!("{probe}.weight")).is_some_and(|shape| shape.ends_with(&[kernel, inputs]));
        let layout = if is_mlx && kernel != inputs { Layout::Mlx } else { Layout::Torch };
        Self { w: w.clone(), layout }
    }

    pub(crate) fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { w: self.w.at(name), layout: self.layout }
    }

    /// Floats of this shape.
    pub(crate) fn floats(&self, name: &str, shape: impl AsRef<[i32]>) -> Result<Array> {
        Ok(self.w.parameter(name, shape, |shape, _| Array::zeros(shape, Dtype::Float32))?)
    }

    fn bias(&self, bias: bool, outputs: i32) -> Result<Option<Array>> {
        bias.then(|| self.floats("bias", [outputs])).transpose()
    }

    /// The convolution at this path.
    pub(crate) fn conv(
        &self,
        [outputs, inputs]: Channels,
        kernel: i32,
        how: Conv<1>,
        bias: bool,
    ) -> Result<Conv1d> {
        let inputs = inputs / how.groups.max(1);
        let weight = match self.layout {
            Layout::Torch => self.floats("weight", [outputs, inputs, kernel])?.swapaxes(1, 2)?,
            Layout::Mlx => self.floats("weight", [outputs, kernel, inputs])?,
        };
        Ok(Conv1d::new(weight, self.bias(bias, outputs)?, how))
    }

    /// The transpose of a convolution at this path.
    pub(crate) fn conv_transpose(
        &self,
        [outputs, inputs]: Channels,
        kernel: i32,
        how: ConvTranspose<1>,
        bias: bool,
    ) -> Result<ConvTranspose1d> {
        let groups = how.groups.max(1);
        let (out, into) = (outputs / groups, inputs / groups);
        let weight = match self.layout {
            Layout::Torch => self
                .floats("weight", [inputs, out, kernel])?
                .reshape([groups, into, out, kernel])?
                .transpose([0, 2, 3, 1])?
                .reshape([outputs, kernel, into])?,
            // Where weight norm is apart, its rows are the inputs.
            Layout::Mlx if self.w.shape("weight") == Some(&[inputs, kernel, out]) && groups == 1 => {
                self.floats("weight", [inputs, kernel, out])?.swapaxes(0, 2)?
            }
            Layout::Mlx => self.floats("weight", [outputs, kernel, into])?,
        };
        Ok(ConvTranspose1d::new(weight, self.bias(bias, outputs)?, how))
    }
}
