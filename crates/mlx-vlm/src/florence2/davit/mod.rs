//! DaViT: stages that attend within windows and between channels, each coarser than the last.
//!
//! Ding et al., "DaViT: Dual Attention Vision Transformers".

mod block;
mod convolution;

use mlx_core::{Array, Conv, Dtype, Result as MlxResult};
use mlx_nn::{Conv2d, LayerNorm, LayerNormOptions, Module, Weights};

use self::block::{ChannelBlock, Sizes, WindowBlock};
use super::config::Vision;
use crate::Result;

/// The tower.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct DaVit {
    stages: Vec<Stage>,
    #[module(skip)]
    dtype: Dtype,
}

#[derive(Module)]
#[module(no_tree)]
struct Stage {
    conv: Conv2d,
    norm: LayerNorm,
    before: bool,
    layers: Vec<Layer>,
}

#[derive(Module)]
#[module(no_tree)]
struct Layer {
    spatial: WindowBlock,
    channel: ChannelBlock,
}

impl DaVit {
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let stages = (0..config.embed_dim.len()).map(|at| Stage::load(w, config, at));
        let dtype = w.array("convs.0.norm.weight", [config.embed_dim.first().copied().unwrap_or_default()]);
        Ok(Self { dtype: dtype?.dtype(), stages: stages.collect::<Result<_>>()? })
    }

    /// Pixels `[1, height, width, 3]` to patches `[1, rows, columns, width]`.
    pub(super) fn forward(&self, pixels: &Array) -> MlxResult<Array> {
        let mut x = pixels.astype(self.dtype)?;
        for stage in &self.stages {
            x = stage.forward(&x)?;
        }
        Ok(x)
    }
}

impl Stage {
    fn load(w: &Weights, config: &Vision, at: usize) -> Result<Self> {
        let of = |sizes: &[i32]| sizes.get(at).copied().unwrap_or_default();
        let width = of(&config.embed_dim);
        let input = match at.checked_sub(1) {
            Some(before) => config.embed_dim.get(before).copied().unwrap_or_default(),
            None => config.in_channels,
        };
        let before = config.patch_prenorm.get(at).copied().unwrap_or_default();
        let (convs, blocks) = (w.at("convs").at(at), w.at("blocks").at(at));
        let how = Conv {
            stride: [of(&config.patch_stride); 2],
            padding: [of(&config.patch_padding); 2],
            ..Conv::default()
        };
        let inner = (width as f32 * config.mlp_ratio) as i32;
        let sizes = Sizes {
            width,
            inner,
            heads: of(&config.num_heads),
            groups: of(&config.num_groups),
            window: config.window_size,
        };
        let layers = (0..config.depths.get(at).copied().unwrap_or_default()).map(|layer| {
            let w = blocks.at(layer);
            Ok(Layer {
                spatial: WindowBlock::load(&w.at("spatial_block"), sizes, &config.activation_function)?,
                channel: ChannelBlock::load(&w.at("channel_block"), sizes, &config.activation_function)?,
            })
        });
        Ok(Self {
            conv: convolution::load(&convs.at("conv"), [width, input], of(&config.patch_size), how)?,
            norm: norm(&convs, "norm", if before { input } else { width })?,
            before,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let mut x = if self.before {
            self.conv.forward(&self.norm.forward(x)?)?
        } else {
            self.norm.forward(&self.conv.forward(x)?)?
        };
        for Layer { spatial, channel } in &self.layers {
            x = channel.forward(&spatial.forward(&x)?)?;
            x.eval()?;
        }
        Ok(x)
    }
}

/// A norm of vectors of so many numbers.
pub(super) fn norm(w: &Weights, name: &str, width: i32) -> Result<LayerNorm> {
    Ok(LayerNorm::load(&w.at(name), width, LayerNormOptions { eps: 1e-5, ..LayerNormOptions::default() })?)
}
