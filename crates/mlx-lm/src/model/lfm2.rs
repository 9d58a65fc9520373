//! LFM2: gated short convolutions, and attention in some layers.

use mlx_core::{Array, Index, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};
use serde::Deserialize;

use super::part::{
    Attention, AttentionNames, AttentionOptions, Block, CausalConv, Dense, Frame, GatedMlp, GatedNames,
    GatedOptions, Norm, attending, reads_both_ways,
};
use crate::cache::{LayerCache, Mask};
use crate::config::{Config, size};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    conv_bias: bool,
    #[serde(default = "three", rename = "conv_L_cache")]
    kernel: i32,
    full_attn_idxs: Option<Vec<usize>>,
    block_dim: Option<i32>,
    #[serde(default = "yes")]
    block_auto_adjust_ff_dim: bool,
    #[serde(default = "one")]
    block_ffn_dim_multiplier: f64,
    #[serde(default = "lines")]
    block_multiple_of: i32,
}

fn three() -> i32 {
    3
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn lines() -> i32 {
    256
}

impl Settings {
    /// The width within the gated layers, of which the config states `inner`.
    fn inner(&self, inner: i32) -> Result<i32> {
        if !self.block_auto_adjust_ff_dim {
            return Ok(inner);
        }
        let multiple = size("block_multiple_of", self.block_multiple_of)?;
        let wide = self.block_ffn_dim_multiplier * f64::from(2 * inner / 3);
        let blocks = (wide as i32).saturating_add(multiple - 1) / multiple;
        size("block_ffn_dim_multiplier times intermediate_size", blocks.saturating_mul(multiple))
    }
}

pub(super) fn load(w: &Weights, config: &Config) -> Result<Dense<Lfm2>> {
    let settings: Settings = config.parse()?;
    let mut frame = Frame::hybrid(config)?;
    let hidden = frame.sizes.hidden;
    if let Some(dim) = settings.block_dim.filter(|&dim| dim != hidden) {
        return Err(Error::Config(format!("block_dim is {dim}: it must be the hidden_size, {hidden}")));
    }
    let listed = |layer| settings.full_attn_idxs.as_ref().is_some_and(|layers| layers.contains(&layer));
    let attends = attending(config, frame.sizes.layers, "conv", listed)?;
    frame.sizes.inner = settings.inner(frame.sizes.inner)?;
    frame.last_norm = "embedding_norm";
    frame.windows.both_ways = reads_both_ways(config)?;
    Dense::load(w, &frame, |w, layer| {
        Lfm2::load(w, &frame, &settings, attends.get(layer).copied().unwrap_or(false))
    })
}

/// A convolution or attention, and a gated layer, each behind a norm.
#[derive(Module)]
pub(super) struct Lfm2 {
    #[module(flatten)]
    mixer: Mixer,
    feed_forward: GatedMlp,
    operator_norm: Norm,
    ffn_norm: Norm,
}

#[derive(Module)]
#[expect(clippy::large_enum_variant, reason = "one for each layer, made once")]
enum Mixer {
    Attention { self_attn: Attention },
    Conv { conv: ShortConv },
}

impl Lfm2 {
    fn load(w: &Weights, frame: &Frame, settings: &Settings, attends: bool) -> Result<Self> {
        let names = GatedNames { gate_proj: "w1", up_proj: "w3", down_proj: "w2" };
        let mixer = if attends {
            let options = AttentionOptions {
                head_norms: Some(frame.norms),
                names: AttentionNames {
                    q_norm: "q_layernorm",
                    k_norm: "k_layernorm",
                    o_proj: "out_proj",
                    ..AttentionNames::default()
                },
                ..frame.attention(0)?
            };
            Mixer::Attention { self_attn: Attention::load(&w.at("self_attn"), &frame.sizes, options)? }
        } else {
            Mixer::Conv { conv: ShortConv::load(&w.at("conv"), frame, settings)? }
        };
        Ok(Self {
            mixer,
            feed_forward: GatedMlp::load(
                &w.at("feed_forward"),
                &frame.sizes,
                GatedOptions { names, ..frame.mlp() },
            )?,
            operator_norm: frame.norm(w, "operator_norm")?,
            ffn_norm: frame.norm(w, "ffn_norm")?,
        })
    }
}

impl Block for Lfm2 {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let normed = self.operator_norm.forward(x)?;
        let mixed = match &self.mixer {
            Mixer::Attention { self_attn } => self_attn.forward(&normed, mask, cache)?,
            Mixer::Conv { conv } => conv.forward(&normed, cache)?,
        };
        let h = (x + mixed)?;
        &h + self.feed_forward.forward(&self.ffn_norm.forward(&h)?)?
    }

    fn cache(&self, attention: LayerCache) -> LayerCache {
        match self.mixer {
            Mixer::Attention { .. } => attention,
            Mixer::Conv { .. } => LayerCache::state(1),
        }
    }
}

/// A convolution between two gates.
#[derive(Module)]
struct ShortConv {
    conv: CausalConv,
    /// To the gate before it, that behind it, and what it mixes.
    in_proj: Linear,
    out_proj: Linear,
    /// Whether it mixes tokens on both sides of one.
    both_ways: bool,
}

impl ShortConv {
    fn load(w: &Weights, frame: &Frame, settings: &Settings) -> Result<Self> {
        let (hidden, bias) = (frame.sizes.hidden, settings.conv_bias);
        Ok(Self {
            conv: CausalConv::load(&w.at("conv"), hidden, ("conv_L_cache", settings.kernel), bias)?,
            in_proj: w.linear_with_bias("in_proj", [3 * hidden, hidden], bias)?,
            out_proj: w.linear_with_bias("out_proj", [hidden, hidden], bias)?,
            both_ways: frame.windows.both_ways,
        })
    }

    fn forward(&self, x: &Array, cache: &mut LayerCache) -> MlxResult<Array> {
        let [_, length, hidden] = x.dims()?;
        let cache = cache.state_mut()?;
        let all = self.in_proj.forward(x)?;
        let part = |from: i32| all.index((Index::Ellipsis, from * hidden..(from + 1) * hidden));
        let gated = (part(0)? * part(2)?)?;
        let mask = cache.mask(length)?;
        let mixed = if self.both_ways {
            self.conv.forward_both_ways(&gated, mask.as_ref())?
        } else {
            self.conv.forward(&gated, mask.as_ref(), cache)?
        };
        cache.advance(length);
        self.out_proj.forward(&(part(1)? * mixed)?)
    }
}
