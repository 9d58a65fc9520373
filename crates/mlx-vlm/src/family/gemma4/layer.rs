//! The layers of the tower.

use mlx_core::fast::{Mask, rms_norm, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, RmsNorm, Weights};
use mlx_vision::{Activation, Rotation};

use super::clipped::Clipped;
use super::config::Vision;
use crate::Result;

/// Attention and a gated layer, each between two norms.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Layer {
    self_attn: Attention,
    mlp: Gated,
    input_layernorm: RmsNorm,
    post_attention_layernorm: RmsNorm,
    pre_feedforward_layernorm: RmsNorm,
    post_feedforward_layernorm: RmsNorm,
}

/// Attention with normalised queries, keys and values.
#[derive(Module)]
#[module(no_tree)]
struct Attention {
    q_proj: Clipped,
    k_proj: Clipped,
    v_proj: Clipped,
    o_proj: Clipped,
    q_norm: RmsNorm,
    k_norm: RmsNorm,
    head: i32,
    eps: f32,
}

/// Shazeer, "GLU Variants Improve Transformer".
#[derive(Module)]
#[module(no_tree)]
struct Gated {
    gate_proj: Clipped,
    up_proj: Clipped,
    down_proj: Clipped,
    #[module(skip)]
    activation: Activation,
}

impl Layer {
    pub(super) fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let norm = |name| w.rms_norm(name, config.hidden_size, config.rms_norm_eps);
        Ok(Self {
            self_attn: Attention::load(&w.at("self_attn"), config)?,
            mlp: Gated::load(&w.at("mlp"), config)?,
            input_layernorm: norm("input_layernorm")?,
            post_attention_layernorm: norm("post_attention_layernorm")?,
            pre_feedforward_layernorm: norm("pre_feedforward_layernorm")?,
            post_feedforward_layernorm: norm("post_feedforward_layernorm")?,
        })
    }

    /// `[patches, width] -> [patches, width]`.
    pub(super) fn forward(&self, x: &Array, rotation: &Rotation) -> MlxResult<Array> {
        let attended = self.self_attn.forward(&self.input_layernorm.forward(x)?, rotation)?;
        let x = (x + self.post_attention_layernorm.forward(&attended)?)?;
        let fed = self.mlp.forward(&self.pre_feedforward_layernorm.forward(&x)?)?;
        x + self.post_feedforward_layernorm.forward(&fed)?
    }
}

impl Attention {
    fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let (width, head, clips) = (config.hidden_size, config.head_dim, config.use_clipped_linears);
        let eps = config.rms_norm_eps;
        let [queries, keys] =
            [config.num_attention_heads, config.num_key_value_heads].map(|heads| heads * head);
        let layer = |name, shape| Clipped::load(&w.at(name), shape, clips);
        Ok(Self {
            q_proj: layer("q_proj", [queries, width])?,
            k_proj: layer("k_proj", [keys, width])?,
            v_proj: layer("v_proj", [keys, width])?,
            o_proj: layer("o_proj", [width, queries])?,
            q_norm: w.rms_norm("q_norm", head, eps)?,
            k_norm: w.rms_norm("k_norm", head, eps)?,
            head,
            eps,
        })
    }

    fn forward(&self, x: &Array, rotation: &Rotation) -> MlxResult<Array> {
        let heads = |layer: &Clipped| layer.forward(x)?.unflatten(-1, [-1, self.head]);
        let turned =
            |layer: &Clipped, norm: &RmsNorm| rotation.turn(&paired(&norm.forward(&heads(layer)?)?)?);
        let (q, k) = (turned(&self.q_proj, &self.q_norm)?, turned(&self.k_proj, &self.k_norm)?);
        let v = rms_norm(&heads(&self.v_proj)?, None, self.eps)?;
        let [q, k, v] = [q, k, v].map(|part| part.expand_dims(0)?.transpose([0, 2, 1, 3]));
        let seen = scaled_dot_product_attention(&q?, &k?, &v?, 1.0, Mask::None, None)?;
        self.o_proj.forward(&seen.transpose([0, 2, 1, 3])?.index(0)?.flatten(-2, -1)?)
    }
}

/// The features of heads `[patches, heads, width]` in the order that [`Rotation`] turns them in: here the first half turns
/// with the column and the second with the row, each quarter with the one behind it. Scores do not depend on the order.
fn paired(x: &Array) -> MlxResult<Array> {
    let quarter = x.dim(-1)? / 4;
    x.unflatten(-1, [2, 2, quarter])?.swapaxes(-2, -3)?.flatten(-3, -1)
}

impl Gated {
    fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let (width, inner, clips) =
            (config.hidden_size, config.intermediate_size, config.use_clipped_linears);
        let layer = |name, shape| Clipped::load(&w.at(name), shape, clips);
        Ok(Self {
            gate_proj: layer("gate_proj", [inner, width])?,
            up_proj: layer("up_proj", [inner, width])?,
            down_proj: layer("down_proj", [width, inner])?,
            activation: config.activation()?,
        })
    }

    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let gate = self.activation.of(&self.gate_proj.forward(x)?)?;
        self.down_proj.forward(&(gate * self.up_proj.forward(x)?)?)
    }
}
