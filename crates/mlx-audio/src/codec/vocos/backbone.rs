//! ConvNeXt blocks. Liu et al., "A ConvNet for the 2020s"; the norm by a condition is that of Perez et al., "FiLM".

use mlx_core::{Array, Conv, Result as MlxResult, fast};
use mlx_nn::{Conv1d, LayerNorm, LayerNormOptions, Linear, Module, gelu};

use super::config::BackboneConfig;
use crate::Result;
use crate::codec::part::reader::Reader;

/// The blocks between two norms.
#[derive(Module)]
pub(super) struct Backbone {
    embed: Conv1d,
    norm: Norm,
    blocks: Vec<Block>,
    last: LayerNorm,
    /// How many frames on each side one depends on.
    reach: i32,
}

/// A convolution within channels, two linear layers, added to the input.
#[derive(Module)]
struct Block {
    wide: Conv1d,
    norm: Norm,
    up: Linear,
    down: Linear,
    scale: Array,
}

/// A norm with one scale and offset, or one of each for each condition.
#[derive(Module)]
enum Norm {
    Same(LayerNorm),
    Each(Each),
}

/// Scales and offsets `[conditions, width]`.
#[derive(Module)]
struct Each {
    scale: Array,
    shift: Array,
}

const EPS: f32 = 1e-6;

fn layer_norm(r: &Reader, width: i32, bias: bool) -> Result<LayerNorm> {
    let options = LayerNormOptions { eps: EPS, bias, ..LayerNormOptions::default() };
    Ok(LayerNorm::load(&r.w, width, options)?)
}

impl Norm {
    fn load(r: &Reader, width: i32, conditions: Option<i32>) -> Result<Self> {
        Ok(match conditions {
            None => Self::Same(layer_norm(r, width, true)?),
            Some(conditions) => Self::Each(Each {
                scale: r.floats("scale.weight", [conditions, width])?,
                shift: r.floats("shift.weight", [conditions, width])?,
            }),
        })
    }

    fn forward(&self, x: &Array, condition: i32) -> MlxResult<Array> {
        match self {
            Self::Same(norm) => norm.forward(x),
            Self::Each(each) => {
                let normal = fast::layer_norm(x, None, None, EPS)?;
                (normal * each.scale.index(condition)?)? + each.shift.index(condition)?
            }
        }
    }
}

impl Backbone {
    pub(super) fn load(r: &Reader, config: &BackboneConfig) -> Result<Self> {
        let &BackboneConfig { dim, input_channels, input_kernel_size, dw_kernel_size, num_layers, .. } =
            config;
        let conditions = config.adanorm_num_embeddings;
        let how = Conv { padding: [input_kernel_size / 2], ..Conv::default() };
        let block = |at| Block::load(&r.at(format!("convnext.{at}")), config);
        Ok(Self {
            embed: r.at("embed").conv([dim, input_channels], input_kernel_size, how, true)?,
            norm: Norm::load(&r.at("norm"), dim, conditions)?,
            blocks: (0..num_layers).map(block).collect::<Result<_>>()?,
            last: layer_norm(&r.at("final_layer_norm"), dim, config.bias)?,
            reach: input_kernel_size / 2 + num_layers as i32 * (dw_kernel_size / 2),
        })
    }

    pub(super) fn reach(&self) -> i32 {
        self.reach
    }

    /// `[1, frames, channels] -> [1, frames, dim]`, under a condition where there are several.
    pub(super) fn forward(&self, x: &Array, condition: Option<i32>) -> MlxResult<Array> {
        let condition = condition.unwrap_or_default();
        let x = self.norm.forward(&self.embed.forward(x)?, condition)?;
        let x = self.blocks.iter().try_fold(x, |x, block| block.forward(&x, condition))?;
        self.last.forward(&x)
    }
}

impl Block {
    fn load(r: &Reader, config: &BackboneConfig) -> Result<Self> {
        let &BackboneConfig { dim, intermediate_dim, dw_kernel_size, adanorm_num_embeddings, .. } = config;
        let how = Conv { padding: [dw_kernel_size / 2], groups: dim, ..Conv::default() };
        Ok(Self {
            wide: r.at("dwconv").conv([dim, dim], dw_kernel_size, how, true)?,
            norm: Norm::load(&r.at("norm"), dim, adanorm_num_embeddings)?,
            up: r.w.linear_with_bias("pwconv1", [intermediate_dim, dim], true)?,
            down: r.w.linear_with_bias("pwconv2", [dim, intermediate_dim], true)?,
            scale: r.floats("gamma", [dim])?,
        })
    }

    fn forward(&self, x: &Array, condition: i32) -> MlxResult<Array> {
        let inner = self.norm.forward(&self.wide.forward(x)?, condition)?;
        let inner = self.down.forward(&gelu(&self.up.forward(&inner)?)?)?;
        x + (&self.scale * inner)?
    }
}
