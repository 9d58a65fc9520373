//! Where a frame is: a convolution with a long kernel, in groups of channels, whose weights are stored as length and
//! direction of each place of the kernel.

use mlx_core::fast::{self, Activation};
use mlx_core::{Array, Dtype, Result as MlxResult, keep};
use mlx_nn::{Module, Weights};

use super::config::Config;
use crate::Result;
use crate::checkpoint::floats;

/// The convolution and its activation.
#[derive(Module)]
pub(super) struct Positions {
    /// `[groups, kernel · channels, channels]`, of the channels of a group.
    weight: Array,
    bias: Array,
    kernel: i32,
}

/// Places of the kernel that are multiplied at once.
const PLACES: i32 = 8;

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
        let weight = weight
            .reshape([groups, channels, channels, kernel])?
            .transpose([0, 3, 2, 1])?
            .reshape([groups, kernel * channels, channels])?;
        Ok(Self { weight, bias: floats(&w, "bias", [width])?, kernel })
    }

    /// `[batch, length, width] -> [batch, length, width]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [batch, length, width] = x.dims()?;
        let [groups, _, channels] = self.weight.dims()?;
        let before = self.kernel / 2;
        let x = x.pad([(1, before, self.kernel - 1 - before)], 0)?;
        let padded = length + self.kernel - 1;
        let x = x.reshape([batch, padded, groups, channels])?.transpose([0, 2, 1, 3])?.contiguous(false)?;
        let row = i64::from(channels);
        let group = i64::from(padded) * row;
        let steps = [i64::from(groups) * group, group, row, 1];
        let mut sum: Option<Array> = None;
        for first in (0..self.kernel).step_by(PLACES as usize) {
            let places = PLACES.min(self.kernel - first);
            let offset = (first * channels).unsigned_abs() as usize;
            let seen = x.as_strided([batch, groups, length, places * channels], &steps, offset)?;
            let rows = first * channels..(first + places) * channels;
            let part = seen.matmul(&self.weight.index((.., rows))?)?;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        let sum = sum.map_or_else(|| Array::zeros([batch, groups, length, channels], x.dtype()), Ok)?;
        let y = (sum.transpose([0, 2, 1, 3])?.reshape([batch, length, width])? + &self.bias)?;
        fast::activate(Activation::Gelu, &y)
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
