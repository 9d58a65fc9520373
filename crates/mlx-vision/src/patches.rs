//! What a patch becomes: a convolution whose steps are as long as its kernel, and so a product.

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Linear, Module, Result, Weights};

/// The first layer of a tower.
#[derive(Module)]
#[module(no_tree)]
pub struct PatchEmbedding {
    #[module(flatten)]
    linear: Linear,
    #[module(skip)]
    dtype: Dtype,
}

/// How large patches are.
#[derive(Clone, Copy, Debug)]
pub struct PatchSizes {
    /// Frames.
    pub frames: i32,
    /// Rows and columns of pixels.
    pub edge: i32,
    /// Numbers of a pixel.
    pub channels: i32,
}

impl PatchEmbedding {
    /// The layer at the path of `w`, from the numbers of a patch, channels last, to `width`.
    ///
    /// Checkpoints have a convolution, channels first as PyTorch or last as MLX stores it, in two dimensions or three, or
    /// a linear layer of numbers in the order of ours.
    pub fn load(w: &Weights, width: i32, sizes: PatchSizes, bias: bool) -> Result<Self> {
        let PatchSizes { frames, edge, channels } = sizes;
        let (flat, still) = ([width, frames * edge * edge * channels], frames == 1);
        let weight = match w.shape("weight").unwrap_or_default() {
            [_, _] => w.array("weight", flat)?,
            [_, _, _, last] if still && *last == channels => {
                w.array("weight", [width, edge, edge, channels])?
            }
            [_, _, _, _] if still => {
                w.array("weight", [width, channels, edge, edge])?.transpose([0, 2, 3, 1])?
            }
            [.., last] if *last == channels => w.array("weight", [width, frames, edge, edge, channels])?,
            _ => w.array("weight", [width, channels, frames, edge, edge])?.transpose([0, 2, 3, 4, 1])?,
        };
        let bias = bias.then(|| w.array("bias", [width])).transpose()?;
        Ok(Self { dtype: weight.dtype(), linear: Linear::new(weight.reshape(flat)?, bias) })
    }

    /// Patches `[…, numbers]` to vectors `[…, width]`, in the type of the weights.
    pub fn forward(&self, patches: &Array) -> MlxResult<Array> {
        self.linear.forward(&patches.astype(self.dtype)?)
    }
}
