//! The tower for texts.

use mlx_core::fast::Mask;
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Embedding, LayerNorm, Linear, Module, Weights};
use mlx_vision::Encoder;

use super::config::{Config, Family};
use crate::Result;

/// Token ids of texts in, a vector of each out.
#[derive(Module)]
#[module(no_tree)]
pub struct TextTower {
    tokens: Embedding,
    positions: Embedding,
    encoder: Encoder,
    norm: LayerNorm,
    head: Linear,
    #[module(skip)]
    reading: Reading,
    longest: i32,
}

/// What becomes the vector of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reading {
    /// The hidden state of the token that ends a text; a token sees those before it.
    ToEnd(End),
    /// The last hidden state; texts are padded to one length, and a token sees all others and the padding.
    Padded(u32),
}

/// Which token ends a text.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    /// The first of this id.
    Token(u32),
    /// The first of the highest id in the text.
    Highest,
}

impl TextTower {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let (text, layers) = (&config.text, &config.text.layers);
        let (body, hidden) = (w.at("text_model"), layers.hidden_size);
        let head = match config.family {
            Family::Clip => w.linear("text_projection", [config.width, hidden])?,
            _ => body.linear_with_bias("head", [config.width, hidden], true)?,
        };
        let (embeddings, sizes) = (body.at("embeddings"), layers.sizes()?);
        Ok(Self {
            tokens: embeddings.embedding("token_embedding", [text.vocab_size, hidden])?,
            positions: embeddings.embedding("position_embedding", [text.max_position_embeddings, hidden])?,
            encoder: Encoder::load(&body.at("encoder"), &sizes)?,
            norm: sizes.norm(&body, "final_layer_norm")?,
            head,
            reading: match (config.family, text.eos_token_id) {
                // Published configs say 2 where the tokenizer has another, which has the highest id of all.
                (Family::Clip, None | Some(2)) => Reading::ToEnd(End::Highest),
                (Family::Clip, Some(end)) => Reading::ToEnd(End::Token(end)),
                _ => Reading::Padded(text.pad_token_id.unwrap_or_default()),
            },
            longest: text.max_position_embeddings,
        })
    }

    /// The longest text in tokens.
    pub fn longest(&self) -> usize {
        usize::try_from(self.longest).unwrap_or_default()
    }

    /// The same tower, which pads texts with this token, if it pads.
    pub(crate) fn padded_with(mut self, token: u32) -> Self {
        if let Reading::Padded(_) = self.reading {
            self.reading = Reading::Padded(token);
        }
        self
    }

    /// Vectors `[texts, width]` of texts, of whose tokens the first [`longest`](Self::longest) count.
    pub fn forward(&self, texts: &[&[u32]]) -> MlxResult<Array> {
        let texts: Vec<_> = texts.iter().map(|text| text.get(..self.longest()).unwrap_or(text)).collect();
        let (length, pad, mask) = match self.reading {
            Reading::ToEnd(_) => {
                (texts.iter().map(|text| text.len()).max().unwrap_or(0).max(1), 0, Mask::Causal)
            }
            Reading::Padded(token) => (self.longest(), token, Mask::None),
        };
        let count = i32::try_from(texts.len()).unwrap_or(i32::MAX);
        let padded = |text: &&[u32]| {
            text.iter().copied().chain(std::iter::repeat(pad)).take(length).collect::<Vec<_>>()
        };
        let tokens: Vec<u32> = texts.iter().flat_map(padded).collect();
        let length = i32::try_from(length).unwrap_or(i32::MAX);
        let tokens = Array::from_slice(&tokens, [count, length])?;
        let places = Array::arange(0..length)?;
        let x = (self.tokens.forward(&tokens)? + self.positions.forward(&places)?)?;
        let x = self.encoder.forward_texts(x, mask)?;
        let places = texts.iter().zip(0..).map(|(text, at)| at * length + self.place(text, length));
        let places = Array::from_slice(&places.collect::<Vec<_>>(), [count])?;
        // What the norm does to a hidden state depends on no other.
        self.head.forward(&self.norm.forward(&x.flatten(0, 1)?.take(&places, 0)?)?)
    }

    /// Where the hidden state is that becomes the vector, in a text of `length` with what is behind it.
    fn place(&self, text: &[u32], length: i32) -> i32 {
        let of = |token| text.iter().position(|&other| Some(other) == token);
        let place = match self.reading {
            Reading::ToEnd(End::Token(end)) => of(Some(end)),
            Reading::ToEnd(End::Highest) => of(text.iter().max().copied()),
            Reading::Padded(_) => return length - 1,
        };
        place.and_then(|place| i32::try_from(place).ok()).unwrap_or_default()
    }
}
