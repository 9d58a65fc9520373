//! The text part of Gemma 3n.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Linear, Module, Weights};
use serde::Deserialize;

use super::altup::{AltUp, AltUpOptions, add_to_others};
use super::layer_input::{InputGate, InputSizes};
use super::shared_attention::{Keys, SharedAttention, SharedOptions};
use super::stack::{Layer, Stack, StackOptions, keeping};
use crate::config::{Config, positive, size};
use crate::model::part::{Frame, GatedMlp, GatedOptions, Norm};
use crate::{Error, Result};

#[derive(Deserialize)]
struct Settings {
    /// Where layers differ.
    intermediate_sizes: Option<Vec<i32>>,
    /// The part of the gates that is off, for each layer.
    activation_sparsity_pattern: Vec<f32>,
    laurel_rank: i32,
    final_logit_softcapping: Option<f32>,
}

pub(in crate::model) fn load(w: &Weights, config: &Config) -> Result<Stack<Block>> {
    let settings: Settings = config.parse()?;
    let mut frame = Frame::read(config, |layer| !(layer + 1).is_multiple_of(5))?;
    frame.softcap =
        settings.final_logit_softcapping.map(|cap| positive("final_logit_softcapping", cap)).transpose()?;
    let (inputs, altup) = (InputSizes::read(config, &frame)?, AltUpOptions::read(config)?);
    let keeping = keeping(config, &frame)?;
    let options = StackOptions { keeping, inputs, streams: Some(altup.streams) };
    let rank = size("laurel_rank", settings.laurel_rank)?;
    Stack::load(w, &frame, &options, |w, layer| {
        let attention = SharedOptions {
            sizes: frame.sizes,
            norms: frame.norms,
            rope: frame.rope(layer, frame.sizes.head_dim)?,
            reads: layer >= keeping,
            keys_are_values: false,
        };
        let mlp = settings.mlp(&frame, layer)?;
        let norm = |name| frame.norm(w, name);
        Ok(Block {
            altup: AltUp::load(&w.at("altup"), &frame, altup)?,
            laurel: Laurel::load(&w.at("laurel"), &frame, rank)?,
            self_attn: SharedAttention::load(&w.at("self_attn"), attention)?,
            mlp: GatedMlp::load(&w.at("mlp"), &frame.sizes, mlp)?,
            input_layernorm: norm("input_layernorm")?,
            post_attention_layernorm: norm("post_attention_layernorm")?,
            pre_feedforward_layernorm: norm("pre_feedforward_layernorm")?,
            post_feedforward_layernorm: norm("post_feedforward_layernorm")?,
            gate: inputs.map(|inputs| InputGate::load(w, &frame, inputs)).transpose()?,
        })
    })
}

impl Settings {
    /// The gated layer of a layer.
    fn mlp(&self, frame: &Frame, layer: usize) -> Result<GatedOptions> {
        let short = |field, found: usize| {
            let layers = frame.sizes.layers;
            Error::Config(format!("{field} has {found} entries for {layers} layers"))
        };
        let inner = match &self.intermediate_sizes {
            None => None,
            Some(sizes) if sizes.len() == frame.sizes.layers => sizes.get(layer).copied(),
            Some(sizes) => return Err(short("intermediate_size", sizes.len())),
        };
        let pattern = &self.activation_sparsity_pattern;
        let off = match pattern.get(layer) {
            Some(&off) if pattern.len() == frame.sizes.layers => off,
            _ => return Err(short("activation_sparsity_pattern", pattern.len())),
        };
        let inner = inner.map(|inner| size("intermediate_size", inner)).transpose()?;
        Ok(GatedOptions { inner, cutoff: cutoff(off)?, ..frame.mlp() })
    }
}

/// How many standard deviations above the mean that part of normally distributed numbers is below.
fn cutoff(off: f32) -> Result<Option<f32>> {
    if !(0.0..1.0).contains(&off) {
        let message = format!("activation_sparsity_pattern has {off}: it must be at least 0 and below 1");
        return Err(Error::Config(message));
    }
    if off == 0.0 {
        return Ok(None);
    }
    let deviations: f32 = Array::from(2.0 * off - 1.0).erfinv()?.item()?;
    Ok(Some(2.0_f32.sqrt() * deviations))
}

/// Attention and a gated layer on one of several hidden states, from which the others are corrected.
#[derive(Module)]
pub(in crate::model) struct Block {
    altup: AltUp,
    laurel: Laurel,
    self_attn: SharedAttention,
    mlp: GatedMlp,
    input_layernorm: Norm,
    post_attention_layernorm: Norm,
    pre_feedforward_layernorm: Norm,
    post_feedforward_layernorm: Norm,
    #[module(flatten)]
    gate: Option<InputGate>,
}

impl Layer for Block {
    /// Of streams `[streams, batch, length, hidden]`.
    fn forward(&self, h: &Array, keys: Keys<'_>, input: Option<&Array>) -> MlxResult<Array> {
        let predicted = self.altup.predict(h)?;
        let active = self.altup.active(&predicted)?;
        let normed = self.input_layernorm.forward(&active)?;
        let attended = self.post_attention_layernorm.forward(&self.self_attn.forward(&normed, keys)?)?;
        let h = (((active + attended)? + self.laurel.forward(&normed)?)? * 0.5_f32.sqrt())?;
        let fed = self.mlp.forward(&self.pre_feedforward_layernorm.forward(&h)?)?;
        let h = (h + self.post_feedforward_layernorm.forward(&fed)?)?;
        let corrected = self.altup.correct(&predicted, &h)?;
        match (&self.gate, input) {
            (Some(gate), Some(input)) => {
                add_to_others(&corrected, &gate.forward(&self.altup.scaled(&corrected)?, input)?)
            }
            _ => Ok(corrected),
        }
    }
}

/// A learned augmented residual of low rank: `x + norm(right(left(x)))`.
///
/// Menghani et al., "LAuReL: Learned Augmented Residual Layer".
#[derive(Module)]
struct Laurel {
    linear_left: Linear,
    linear_right: Linear,
    post_laurel_norm: Norm,
}

impl Laurel {
    fn load(w: &Weights, frame: &Frame, rank: i32) -> Result<Self> {
        let hidden = frame.sizes.hidden;
        Ok(Self {
            linear_left: w.linear("linear_left", [rank, hidden])?,
            linear_right: w.linear("linear_right", [hidden, rank])?,
            post_laurel_norm: frame.norm(w, "post_laurel_norm")?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let low = self.linear_right.forward(&self.linear_left.forward(x)?)?;
        x + self.post_laurel_norm.forward(&low)?
    }
}
