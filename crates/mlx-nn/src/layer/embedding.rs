//! A table of vectors, one for each token.

use mlx_core::{Array, Result};

use crate::layer::layers;
use crate::{Matrix, Module};

/// A table of `[tokens, width]` that may be quantized.
#[derive(Clone, Debug, Module)]
pub struct Embedding(Matrix);

impl Embedding {
    /// An embedding with this table.
    pub fn new(table: impl Into<Matrix>) -> Self {
        Self(table.into())
    }

    /// The numbers of tokens and of features.
    pub fn shape(&self) -> Result<[i32; 2]> {
        self.0.shape()
    }

    /// The vectors of token ids: `[batch, length] -> [batch, length, width]`. Ids out of range are clamped.
    #[track_caller]
    pub fn forward(&self, ids: &Array) -> Result<Array> {
        self.0.rows(ids)
    }

    /// How well each token's vector matches: `[…, width] -> […, tokens]`.
    #[track_caller]
    pub fn as_linear(&self, x: &Array) -> Result<Array> {
        self.0.project(x)
    }
}

layers!(Embedding);
