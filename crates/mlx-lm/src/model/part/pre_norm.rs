//! The block of most decoders.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};

use super::{Attention, AttentionOptions, Block, Feed, Frame, GatedMlp, GatedOptions, MoeOptions, Norm};
use crate::Result;
use crate::cache::{LayerCache, Mask};

/// What a token takes from those before it.
pub(crate) trait Attend: Module {
    /// `[batch, length, hidden] -> [batch, length, hidden]`, past the tokens in `cache`.
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array>;
}

/// What becomes of each token by itself.
pub(crate) trait FeedForward: Module {
    /// `[…, hidden] -> […, hidden]`.
    fn forward(&self, x: &Array) -> MlxResult<Array>;
}

/// Attention and a feed-forward layer, each behind a norm.
#[derive(Module)]
pub(crate) struct PreNorm<F = GatedMlp, A = Attention> {
    self_attn: A,
    mlp: F,
    input_layernorm: Norm,
    post_attention_layernorm: Norm,
}

impl PreNorm {
    /// The block at the path of `w`.
    pub(crate) fn load(
        w: &Weights,
        frame: &Frame,
        attention: AttentionOptions,
        mlp: GatedOptions,
    ) -> Result<Self> {
        let self_attn = Attention::load(&w.at("self_attn"), &frame.sizes, attention)?;
        Self::around(w, frame, self_attn, GatedMlp::load(&w.at("mlp"), &frame.sizes, mlp)?)
    }
}

impl PreNorm<Feed> {
    /// The block at the path of `w`, with experts if there are options for them.
    pub(crate) fn with_experts(
        w: &Weights,
        frame: &Frame,
        attention: AttentionOptions,
        experts: Option<&MoeOptions>,
    ) -> Result<Self> {
        let self_attn = Attention::load(&w.at("self_attn"), &frame.sizes, attention)?;
        Self::around(w, frame, self_attn, Feed::load(&w.at("mlp"), &frame.sizes, frame.mlp(), experts)?)
    }
}

impl<F, A> PreNorm<F, A> {
    /// The block of these layers, with the norms at the path of `w`.
    pub(crate) fn around(w: &Weights, frame: &Frame, self_attn: A, mlp: F) -> Result<Self> {
        Ok(Self {
            self_attn,
            mlp,
            input_layernorm: frame.norm(w, "input_layernorm")?,
            post_attention_layernorm: frame.norm(w, "post_attention_layernorm")?,
        })
    }
}

impl<F: FeedForward, A: Attend> Block for PreNorm<F, A> {
    fn forward(&self, x: &Array, mask: &Mask, cache: &mut LayerCache) -> MlxResult<Array> {
        let seen = self.self_attn.forward(&self.input_layernorm.forward(x)?, mask, cache)?;
        let (h, normal) = self.post_attention_layernorm.forward_sum(x, &seen)?;
        &h + self.mlp.forward(&normal)?
    }
}
