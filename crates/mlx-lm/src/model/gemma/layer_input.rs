//! Inputs that each layer has of its own for every token.

use mlx_core::{Array, Index, Result as MlxResult, select};
use mlx_nn::{Embedding, Linear, Module, Weights};
use serde::Deserialize;

use crate::Result;
use crate::config::{Config, size};
use crate::model::part::{Activation, Frame, Norm};

/// What a config says of them.
#[derive(Clone, Copy)]
pub(super) struct InputSizes {
    tokens: i32,
    width: i32,
}

#[derive(Deserialize)]
struct Stored {
    hidden_size_per_layer_input: Option<i32>,
    vocab_size_per_layer_input: Option<i32>,
}

impl InputSizes {
    /// None if layers have no inputs.
    pub(super) fn read(config: &Config, frame: &Frame) -> Result<Option<Self>> {
        let stored: Stored = config.parse()?;
        let Some(width) = stored.hidden_size_per_layer_input.filter(|&width| width != 0) else {
            return Ok(None);
        };
        let tokens = stored.vocab_size_per_layer_input.unwrap_or(frame.sizes.vocab);
        Ok(Some(Self {
            tokens: size("vocab_size_per_layer_input", tokens)?,
            width: size("hidden_size_per_layer_input", width)?,
        }))
    }

    /// The inputs of a token for all of so many layers.
    fn all(self, layers: usize) -> Result<i32> {
        let layers = i32::try_from(layers).unwrap_or(i32::MAX);
        size("hidden_size_per_layer_input times num_hidden_layers", self.width.saturating_mul(layers))
    }
}

/// The inputs of all layers, in part by the token and in part by its hidden state.
#[derive(Module)]
pub(super) struct LayerInputs {
    embed_tokens_per_layer: Embedding,
    per_layer_model_projection: Linear,
    per_layer_projection_norm: Norm,
    tokens: i32,
    width: i32,
    hidden: i32,
}

impl LayerInputs {
    /// Those in the scope `w`.
    pub(super) fn load(w: &Weights, frame: &Frame, sizes: InputSizes) -> Result<Self> {
        let (hidden, all) = (frame.sizes.hidden, sizes.all(frame.sizes.layers)?);
        Ok(Self {
            embed_tokens_per_layer: w.embedding("embed_tokens_per_layer", [sizes.tokens, all])?,
            per_layer_model_projection: w.linear("per_layer_model_projection", [all, hidden])?,
            per_layer_projection_norm: frame.norms.load(w, "per_layer_projection_norm", sizes.width)?,
            tokens: sizes.tokens,
            width: sizes.width,
            hidden,
        })
    }

    /// The part by the token: `[batch, length] -> [batch, length, layers · width]`. Tokens without inputs have those
    /// of the first.
    pub(super) fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        let known = select(&tokens.less(self.tokens)?, tokens, 0)?;
        self.embed_tokens_per_layer.forward(&known)? * (self.width as f32).sqrt()
    }

    /// The inputs `[batch, length, layers, width]` for hidden states `[batch, length, hidden]`.
    pub(super) fn forward(&self, hidden: &Array, embedded: &Array) -> MlxResult<Array> {
        let [batch, length, _] = hidden.dims()?;
        let split = |x: &Array| x.reshape([batch, length, -1, self.width]);
        let projected = self.per_layer_model_projection.forward(hidden)? * (self.hidden as f32).powf(-0.5);
        let projected = self.per_layer_projection_norm.forward(&split(&projected?)?)?;
        (projected + split(embedded)?)? * 0.5_f32.sqrt()
    }
}

/// How a layer takes up its input.
#[derive(Module)]
pub(super) struct InputGate {
    per_layer_input_gate: Linear,
    per_layer_projection: Linear,
    post_per_layer_input_norm: Norm,
    #[module(skip)]
    activation: Activation,
}

impl InputGate {
    /// The gate in the scope `w` of a layer.
    pub(super) fn load(w: &Weights, frame: &Frame, sizes: InputSizes) -> Result<Self> {
        let (hidden, width) = (frame.sizes.hidden, sizes.width);
        Ok(Self {
            per_layer_input_gate: w.linear("per_layer_input_gate", [width, hidden])?,
            per_layer_projection: w.linear("per_layer_projection", [hidden, width])?,
            post_per_layer_input_norm: frame.norm(w, "post_per_layer_input_norm")?,
            activation: frame.mlp().activation,
        })
    }

    /// What the input of one layer adds to hidden states `[batch, length, hidden]`.
    pub(super) fn forward(&self, hidden: &Array, input: &Array) -> MlxResult<Array> {
        let gate = self.activation.forward(&self.per_layer_input_gate.forward(hidden)?)?;
        self.post_per_layer_input_norm.forward(&self.per_layer_projection.forward(&(gate * input)?)?)
    }
}

/// The input of one layer among those of all.
pub(super) fn of_layer(inputs: &Array, layer: i32) -> MlxResult<Array> {
    inputs.index((.., .., layer, Index::Ellipsis))
}
