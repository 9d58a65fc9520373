//! The tower of a Qwen-VL as configs have it, with what transformers takes for fields that are not there.

use serde::Deserialize;

use super::config::{Kind, Vision, Windowing};
use crate::{Error, Result};

/// The fields of all kinds.
#[derive(Deserialize)]
pub(super) struct Stored {
    depth: Option<usize>,
    embed_dim: Option<i32>,
    hidden_size: Option<i32>,
    out_hidden_size: Option<i32>,
    intermediate_size: Option<i32>,
    mlp_ratio: Option<f32>,
    hidden_act: Option<String>,
    num_heads: Option<i32>,
    in_channels: Option<i32>,
    in_chans: Option<i32>,
    patch_size: Option<i32>,
    spatial_merge_size: Option<i32>,
    temporal_patch_size: Option<i32>,
    tokens_per_second: Option<f64>,
    window_size: Option<i32>,
    fullatt_block_indexes: Option<Vec<usize>>,
    num_position_embeddings: Option<i32>,
    deepstack_visual_indexes: Option<Vec<usize>>,
}

/// What kinds differ in.
struct Defaults {
    layers: usize,
    width: i32,
    inner: i32,
    activation: &'static str,
    patch: i32,
}

impl Kind {
    fn defaults(self) -> Defaults {
        match self {
            Self::Second => {
                Defaults { layers: 32, width: 1280, inner: 5120, activation: "quick_gelu", patch: 14 }
            }
            Self::Windowed => {
                Defaults { layers: 32, width: 3584, inner: 3420, activation: "silu", patch: 14 }
            }
            Self::Third | Self::Hybrid => {
                Defaults { layers: 27, width: 1152, inner: 4304, activation: "gelu_pytorch_tanh", patch: 16 }
            }
        }
    }
}

impl Stored {
    pub(super) fn vision(self, kind: Kind) -> Result<Vision> {
        let defaults = kind.defaults();
        let (width, output) = match kind {
            Kind::Second => (self.embed_dim, self.hidden_size),
            Kind::Windowed | Kind::Third | Kind::Hybrid => (self.hidden_size, self.out_hidden_size),
        };
        let width = width.unwrap_or(defaults.width);
        let inner = match kind {
            Kind::Second => self.mlp_ratio.map(|ratio| (width as f32 * ratio) as i32),
            Kind::Windowed | Kind::Third | Kind::Hybrid => self.intermediate_size,
        };
        let merge = self.spatial_merge_size.unwrap_or(2);
        let patch = self.patch_size.unwrap_or(defaults.patch);
        Ok(Vision {
            kind,
            layers: self.depth.unwrap_or(defaults.layers),
            width,
            output: output.unwrap_or(3584),
            heads: self.num_heads.unwrap_or(16),
            inner: inner.unwrap_or(defaults.inner),
            activation: self.hidden_act.clone().unwrap_or_else(|| defaults.activation.to_owned()),
            channels: self.in_channels.or(self.in_chans).unwrap_or(3),
            patch,
            depth: self.temporal_patch_size.unwrap_or(2),
            merge,
            tokens_per_second: self.tokens_per_second.or(Some(4.0)).filter(|_| kind == Kind::Windowed),
            windows: (kind == Kind::Windowed).then(|| self.windows(merge, patch)),
            side: matches!(kind, Kind::Third | Kind::Hybrid).then(|| self.side()).transpose()?,
            deep: match kind {
                Kind::Third => self.deepstack_visual_indexes.unwrap_or_else(|| vec![8, 16, 24]),
                Kind::Hybrid => self.deepstack_visual_indexes.unwrap_or_default(),
                Kind::Second | Kind::Windowed => Vec::new(),
            },
        })
    }

    fn windows(&self, merge: i32, patch: i32) -> Windowing {
        let size = self.window_size.unwrap_or(112);
        let squares = size.checked_div(merge).and_then(|size| size.checked_div(patch));
        let full = self.fullatt_block_indexes.clone().unwrap_or_else(|| vec![7, 15, 23, 31]);
        Windowing { edge: squares.unwrap_or_default(), full }
    }

    fn side(&self) -> Result<i32> {
        let count = self.num_position_embeddings.unwrap_or(2304);
        let side = f64::from(count).sqrt() as i32;
        if side.checked_mul(side) == Some(count) {
            return Ok(side);
        }
        let problem = format!("num_position_embeddings is {count}: it must be a square of a whole number");
        Err(Error::config(problem))
    }
}
