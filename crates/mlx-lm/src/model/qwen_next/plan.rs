//! What the configs of these decoders say of their layers.

use mlx_nn::Weights;
use serde::Deserialize;

use super::{Mixed, Mixer};
use crate::config::Config;
use crate::model::part::{
    Attention, AttentionOptions, CausalConv, DeltaSizes, Feed, Frame, GatedDelta, Norms, SparseMoe, attending,
};
use crate::{Error, Result};

/// How the layers are made.
pub(super) struct Plan {
    pub(super) frame: Frame,
    sizes: DeltaSizes,
    /// Those of the delta layers, which scale by their weights in every checkpoint.
    norms: Norms,
    attends: Vec<bool>,
    moe: SparseMoe,
    bias: bool,
    by_head: bool,
}

#[derive(Deserialize)]
struct Settings {
    #[serde(default)]
    attention_bias: bool,
    #[serde(default = "four")]
    full_attention_interval: usize,
    #[serde(default = "yes")]
    attn_output_gate: bool,
}

fn four() -> usize {
    4
}

fn yes() -> bool {
    true
}

impl Plan {
    /// What `config` says of the decoder in the scope `w`. The projections of delta layers are cut `by_head`, or not.
    pub(super) fn read(w: &Weights, config: &Config, by_head: bool) -> Result<Self> {
        // Of further decoders behind this one, which guess the tokens after the next.
        w.ignore(|key| key.contains("mtp."));
        let (settings, mut frame): (Settings, _) = (config.parse()?, Frame::hybrid(config)?);
        let sizes = DeltaSizes::read(config)?;
        let interval = settings.full_attention_interval;
        if interval == 0 {
            return Err(Error::Config("full_attention_interval is 0: it must be at least 1".into()));
        }
        if !settings.attn_output_gate {
            let message = "attn_output_gate is false: only attention with gates at its output is supported";
            return Err(Error::Config(message.into()));
        }
        let regular = |layer: usize| (layer + 1).is_multiple_of(interval);
        let attends = attending(config, frame.sizes.layers, "linear_attention", regular)?;
        let norms = frame.norms;
        if is_raw(w, &attends, &sizes) {
            frame.norms = norms.completed();
        }
        let moe = SparseMoe::read(config, frame.mlp(), true)?;
        Ok(Self { frame, sizes, norms, attends, moe, bias: settings.attention_bias, by_head })
    }

    /// The layer in the scope `w`.
    pub(super) fn block(&self, w: &Weights, layer: usize) -> Result<Mixed> {
        let frame = &self.frame;
        let mixer = if self.attends.get(layer).copied().unwrap_or(false) {
            let options = AttentionOptions {
                bias: self.bias,
                output_bias: self.bias,
                head_norms: Some(frame.norms),
                gated: true,
                ..frame.attention(layer)?
            };
            Mixer::Attention { self_attn: Attention::load(&w.at("self_attn"), &frame.sizes, options)? }
        } else {
            let w = w.at("linear_attn");
            let hidden = frame.sizes.hidden;
            Mixer::Delta { linear_attn: GatedDelta::load(&w, hidden, self.sizes, self.norms, self.by_head)? }
        };
        Ok(Mixed {
            mixer,
            mlp: Feed::load(&w.at("mlp"), &frame.sizes, frame.mlp(), self.moe.at(layer))?,
            input_layernorm: frame.norm(w, "input_layernorm")?,
            post_attention_layernorm: frame.norm(w, "post_attention_layernorm")?,
        })
    }
}

/// Whether the checkpoint is as transformers stores it. Its norms then scale by 1 more than their weights; those that
/// mlx-lm has converted have the 1 added.
fn is_raw(w: &Weights, attends: &[bool], sizes: &DeltaSizes) -> bool {
    let Some(layer) = attends.iter().position(|attends| !attends) else { return false };
    let conv = w.at("model.layers").at(layer).at("linear_attn.conv1d");
    CausalConv::is_raw(&conv, sizes.kernel)
}
