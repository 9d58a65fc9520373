//! The last layer of a language model.

use mlx_core::{Array, Result};

use crate::{Embedding, Linear, Module};

/// What turns features into one score for each token.
///
/// A tied head shares the embedding's arrays and has no parameters of its own; whoever replaces those of the
/// embedding ties the head again.
#[derive(Clone, Debug, Module)]
pub enum Head {
    /// The embedding, used backwards.
    Tied(#[module(skip)] Embedding),
    /// A layer of its own.
    Own(Linear),
}

impl Head {
    /// `[…, width] -> […, tokens]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Tied(embedding) => embedding.as_linear(x),
            Self::Own(linear) => linear.forward(x),
        }
    }
}
