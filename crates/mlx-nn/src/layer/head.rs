//! The last layer of a language model.

use mlx_core::{Array, Result};

use crate::{Embedding, Linear, Module};

/// What turns features into one score for each token.
///
/// A tied head has no parameters: it is the embedding of the model, used backwards.
#[derive(Clone, Debug, Module)]
pub enum Head {
    /// The embedding, used backwards.
    Tied,
    /// A layer of its own.
    Own(Linear),
}

impl Head {
    /// `[…, width] -> […, tokens]`; `embedding` is that of the same model.
    #[track_caller]
    pub fn forward(&self, x: &Array, embedding: &Embedding) -> Result<Array> {
        match self {
            Self::Tied => embedding.as_linear(x),
            Self::Own(linear) => linear.forward(x),
        }
    }
}
