//! The text part of Gemma 4: heads that are wider in full layers, and a scale for each layer.

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, Result as MlxResult};
use mlx_nn::{Module, Weights};
use serde::Deserialize;

use super::layer_input::{InputGate, InputSizes};
use super::mixture::{Mixture, MixtureOptions};
use super::shared_attention::{Keys, SharedAttention, SharedOptions};
use super::stack::{Layer, Stack, StackOptions, keeping};
use crate::config::{Config, positive, size};
use crate::model::part::{Frame, GatedMlp, GatedOptions, Norm, Sizes};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    final_logit_softcapping: Option<f32>,
    /// The gated layers of those that read the keys of others are twice as wide.
    #[serde(default)]
    use_double_wide_mlp: bool,
    use_bidirectional_attention: Option<String>,
}

/// How the heads of full layers differ.
#[derive(Deserialize)]
struct Heads {
    global_head_dim: i32,
    num_global_key_value_heads: Option<i32>,
    #[serde(default)]
    attention_k_eq_v: bool,
    /// What transformers writes in place of the first two, by the numbers of layers.
    per_layer_config: Option<BTreeMap<String, LayerHeads>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerHeads {
    head_dim: Option<i32>,
    num_key_value_heads: Option<i32>,
}

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Stack<Block>> {
    let settings: Settings = config.parse()?;
    settings.check()?;
    let mut frame = Frame::read(config, |layer| !(layer + 1).is_multiple_of(5))?;
    frame.softcap =
        settings.final_logit_softcapping.map(|cap| positive("final_logit_softcapping", cap)).transpose()?;
    let (inputs, keeping) = (InputSizes::read(config, &frame)?, keeping(config, &frame)?);
    let (heads, mixture): (Heads, _) = (config.parse()?, MixtureOptions::read(config)?);
    let options = StackOptions { keeping, inputs, streams: None };
    Stack::load(w, &frame, &options, |w, layer| {
        let sizes = heads.sizes(&frame, layer)?;
        let attention = SharedOptions {
            sizes,
            norms: frame.norms,
            rope: frame.rope(layer, sizes.head_dim)?,
            reads: layer >= keeping,
            keys_are_values: heads.attention_k_eq_v && !frame.windows.slides(layer),
        };
        let wide = settings.use_double_wide_mlp && layer >= keeping;
        let mlp = GatedOptions { inner: wide.then(|| sizes.inner.saturating_mul(2)), ..frame.mlp() };
        let norm = |name| frame.norm(w, name);
        let ones = |shape: &[i32], _: &_| Array::ones(shape, Dtype::Float32);
        Ok(Block {
            self_attn: SharedAttention::load(&w.at("self_attn"), attention)?,
            mlp: GatedMlp::load(&w.at("mlp"), &sizes, mlp)?,
            mixture: mixture.map(|mixture| Mixture::load(w, &frame, mixture)).transpose()?,
            input_layernorm: norm("input_layernorm")?,
            post_attention_layernorm: norm("post_attention_layernorm")?,
            pre_feedforward_layernorm: norm("pre_feedforward_layernorm")?,
            post_feedforward_layernorm: norm("post_feedforward_layernorm")?,
            gate: inputs.map(|inputs| InputGate::load(w, &frame, inputs)).transpose()?,
            layer_scalar: w.parameter("layer_scalar", [1], ones)?,
        })
    })
}

impl Settings {
    fn check(&self) -> Result<()> {
        match self.use_bidirectional_attention.as_deref() {
            // Tokens of images see each other, and those of text what is before them.
            None | Some("vision") => Ok(()),
            Some(other) => Err(Error::Config(format!(
                "use_bidirectional_attention is `{other}`: a decoder sees only what is before, so it must be null or `vision`"
            ))),
        }
    }
}

impl Heads {
    /// The sizes of a layer.
    fn sizes(&self, frame: &Frame, layer: usize) -> Result<Sizes> {
        let mut sizes = frame.sizes;
        if let Some(layers) = &self.per_layer_config {
            if let Some(own) = layers.get(&layer.to_string()) {
                sizes.head_dim = own.head_dim.unwrap_or(sizes.head_dim);
                sizes.kv_heads = own.num_key_value_heads.unwrap_or(sizes.kv_heads);
            }
        } else if !frame.windows.slides(layer) {
            sizes.head_dim = self.global_head_dim;
            let kv_heads = self.num_global_key_value_heads.filter(|_| self.attention_k_eq_v);
            sizes.kv_heads = kv_heads.unwrap_or(sizes.kv_heads);
        }
        size("num_global_key_value_heads", sizes.kv_heads)?;
        sizes.checked()
    }
}

/// Attention and a gated layer, each between two norms, then the layer's input, and a scale. There may be experts
/// beside the gated layer.
#[derive(Module)]
pub(in crate::model) struct Block {
    self_attn: SharedAttention,
    mlp: GatedMlp,
    #[module(flatten)]
    mixture: Option<Mixture>,
    input_layernorm: Norm,
    post_attention_layernorm: Norm,
    pre_feedforward_layernorm: Norm,
    post_feedforward_layernorm: Norm,
    #[module(flatten)]
    gate: Option<InputGate>,
    layer_scalar: Array,
}

impl Layer for Block {
    fn forward(&self, h: &Array, keys: Keys<'_>, input: Option<&Array>) -> MlxResult<Array> {
        let attended = self.self_attn.forward(&self.input_layernorm.forward(h)?, keys)?;
        let h = (h + self.post_attention_layernorm.forward(&attended)?)?;
        let mut fed = self.mlp.forward(&self.pre_feedforward_layernorm.forward(&h)?)?;
        if let Some(mixture) = &self.mixture {
            fed = mixture.forward(&h, &fed)?;
        }
        let mut h = (h + self.post_feedforward_layernorm.forward(&fed)?)?;
        if let (Some(gate), Some(input)) = (&self.gate, input) {
            h = (&h + gate.forward(&h, input)?)?;
        }
        h * &self.layer_scalar
    }
}
