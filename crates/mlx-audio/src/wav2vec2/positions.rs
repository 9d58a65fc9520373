//! Where a frame is: a convolution with a long kernel, in groups of channels, whose weights are stored as length and
//! direction of each place of the kernel.

use mlx_core::fast::Activation;
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate, keep};
use mlx_nn::{Linear, Module, Weights};

use super::config::Config;
use crate::Result;
use crate::checkpoint::floats;

/// The convolution and its activation: for each group of channels a product with all places of the kernel side by side.
#[derive(Module)]
pub(super) struct Positions {
    groups: Vec<Linear>,
    kernel: i32,
}

/// What PyTorch calls length and direction, before and since its parametrizations.
const NAMES: [[&str; 2]; 2] =
    [["weight_g", "weight_v"], ["parametrizations.weight.original0", "parametrizations.weight.original1"]];

impl Positions {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let w = w.at("conv");
        let &Config { hidden_size: width, num_conv_pos_embeddings: kernel, .. } = config;
        let groups = config.num_conv_pos_embedding_groups;
        let channels = width / groups;
        let weight = stored(&w, [width, channels, kernel])?;
        let bias = floats(&w, "bias", [width])?;
        let group = |at: i32| {
            let rows = at * channels..(at + 1) * channels;
            let weight =
                weight.index(rows.clone())?.swapaxes(1, 2)?.reshape([channels, kernel * channels])?;
            Ok(Linear::new(weight.contiguous(false)?, Some(bias.index(rows)?)))
        };
        Ok(Self { groups: (0..groups).map(group).collect::<Result<_>>()?, kernel })
    }

    /// `[batch, length, width] -> [batch, length, width]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [batch, length, width] = x.dims()?;
        let groups = i32::try_from(self.groups.len()).unwrap_or(1);
        let channels = width / groups;
        let before = self.kernel / 2;
        let x = x.pad([(1, before, self.kernel - 1 - before)], 0)?;
        let padded = length + self.kernel - 1;
        let row = i64::from(channels);
        let steps = [i64::from(padded) * row, row, 1];
        let one = |(at, group): (i32, &Linear)| {
            let own = x.index((.., .., at * channels..(at + 1) * channels))?;
            let seen = own.as_strided([batch, length, self.kernel * channels], &steps, 0)?;
            group.forward_then(&seen.contiguous(false)?, Some(Activation::Gelu), None)
        };
        concatenate(&(0..).zip(&self.groups).map(one).collect::<MlxResult<Vec<_>>>()?, -1)
    }
}

/// The weight of this shape, of a length for each place of the kernel and a direction, or as one.
fn stored(w: &Weights, shape: [i32; 3]) -> Result<Array> {
    let [_, _, kernel] = shape;
    if w.contains("weight") {
        return floats(w, "weight", shape);
    }
    let names = NAMES.into_iter().find(|[_, direction]| w.contains(direction)).unwrap_or(NAMES[1]);
    let [length, direction] = names;
    let g = floats(w, length, [1, 1, kernel])?;
    let v = floats(w, direction, shape)?;
    let dtype = v.dtype();
    let v = v.astype(Dtype::Float32)?;
    let norms = v.square()?.sum(keep([0, 1]))?.sqrt()?;
    Ok((v * (g.astype(Dtype::Float32)? / norms)?)?.astype(dtype)?)
}
