//! From vectors of the tower, and tokens that are embedded as such, to vectors of the decoder.

use mlx_core::fast::rms_norm;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, Linear, Module, RmsNorm, Weights};

use super::config::Vision;
use crate::Result;

/// Both ways into the decoder.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Embedder {
    embedding: Embedding,
    hard_embedding_norm: RmsNorm,
    soft_embedding_norm: RmsNorm,
    embedding_projection: Linear,
    /// The place of a token in the table is its number less this.
    #[module(skip)]
    offset: u32,
    #[module(skip)]
    eps: f32,
}

impl Embedder {
    pub(super) fn load(w: &Weights, vision: &Vision, hidden: i32) -> Result<Self> {
        let Vision { hidden_size: width, vocab_size, rms_norm_eps: eps, .. } = *vision;
        Ok(Self {
            embedding: w.embedding("embedding", [vocab_size, width])?,
            hard_embedding_norm: w.rms_norm("hard_embedding_norm", width, eps)?,
            soft_embedding_norm: w.rms_norm("soft_embedding_norm", width, eps)?,
            embedding_projection: w.linear("embedding_projection", [hidden, width])?,
            offset: vision.vocab_offset,
            eps,
        })
    }

    /// What the decoder sees of vectors of the tower: `[places, width] -> [places, hidden]`.
    pub(super) fn soft(&self, x: &Array) -> MlxResult<Array> {
        let loud = (x * (x.dim(-1)? as f32).sqrt())?;
        self.project(&self.soft_embedding_norm.forward(&loud)?)
    }

    /// What it sees of a token, `[1, hidden]`.
    pub(super) fn hard(&self, token: u32) -> MlxResult<Array> {
        let place = Array::from_slice(&[token.saturating_sub(self.offset)], [1])?;
        self.project(&self.hard_embedding_norm.forward(&self.embedding.forward(&place)?)?)
    }

    fn project(&self, x: &Array) -> MlxResult<Array> {
        rms_norm(&self.embedding_projection.forward(x)?, None, self.eps)
    }
}
