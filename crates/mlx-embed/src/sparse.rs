//! Sparse vectors: what weight each word of the vocabulary has in a text.
//!
//! Formal et al., "SPLADE: Sparse Lexical and Expansion Model for First Stage Ranking".

mod head;

use mlx_core::{Array, Dtype};
use mlx_hub::Source;
use mlx_text::Tokenizer;
use serde::Deserialize;

use self::head::WordHead;
use crate::batch::batches;
use crate::checkpoint::{Checkpoint, optional};
use crate::encoder::Encoder;
use crate::{Packed, Result};

/// A model that gives weights to words.
pub struct SparseEmbedder {
    encoder: Box<dyn Encoder>,
    head: WordHead,
    tokenizer: Tokenizer,
    longest: Option<usize>,
    /// Whether weights of a text's tokens are added, where else the greatest counts.
    sums: bool,
}

/// The words of a text that have a weight, by their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SparseVector {
    /// Ids of tokens, ascending.
    pub indices: Vec<u32>,
    /// The weight of each, above 0.
    pub values: Vec<f32>,
}

/// `1_SpladePooling/config.json`.
#[derive(Default, Deserialize)]
struct Pooling {
    pooling_strategy: Option<String>,
}

/// Tokens that run together: each has a score for every word of the vocabulary.
const BATCH_TOKENS: usize = 256;

/// Loads a model from a folder or a Hub id.
pub fn load(source: &str) -> Result<SparseEmbedder> {
    SparseEmbedder::load(&Source::parse(source)?, None)
}

impl SparseEmbedder {
    /// Loads a model, which computes in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// The checkpoint is not found, is damaged, or has no scores of words.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let checkpoint = Checkpoint::open(source)?;
        let pooling: Pooling = optional(&checkpoint.directory, "1_SpladePooling/config.json")?;
        let (encoder, head) = checkpoint.encoder_with(dtype, |w| WordHead::load(w, &checkpoint.config))?;
        Ok(Self {
            longest: checkpoint.longest_pair(encoder.as_ref())?,
            sums: pooling.pooling_strategy.as_deref() == Some("sum"),
            tokenizer: checkpoint.tokenizer,
            encoder,
            head,
        })
    }

    /// The tokenizer, whose tokens are the words.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The vectors of texts, in their order.
    pub fn embed<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<SparseVector>> {
        let encode = |text: &T| Ok(self.tokenizer.encode_up_to(text.as_ref(), self.longest)?);
        let tokens = texts.iter().map(encode).collect::<Result<Vec<_>>>()?;
        let lengths: Vec<_> = tokens.iter().map(Vec::len).collect();
        let mut vectors = vec![SparseVector::default(); texts.len()];
        for batch in batches(&lengths, BATCH_TOKENS) {
            let packed = Packed::new(batch.iter().filter_map(|&at| tokens.get(at)).map(Vec::as_slice));
            let weights = self.weights(&packed)?;
            let width = usize::try_from(weights.dim(-1)?).unwrap_or(1).max(1);
            for (&at, row) in batch.iter().zip(weights.to_vec::<f32>()?.chunks(width)) {
                if let Some(vector) = vectors.get_mut(at) {
                    *vector = SparseVector::of(row);
                }
            }
        }
        Ok(vectors)
    }

    /// `[texts, vocabulary]`, `float32`.
    fn weights(&self, texts: &Packed) -> Result<Array> {
        let scores = self.head.forward(&self.encoder.forward(texts)?)?.astype(Dtype::Float32)?;
        let weights = scores.maximum(0.0)?.log1p()?;
        Ok(texts.each_group(&weights, |rows| if self.sums { rows.sum(1) } else { rows.max(1) })?)
    }
}

impl SparseVector {
    fn of(row: &[f32]) -> Self {
        let found = (0..).zip(row).filter(|&(_, &value)| value > 0.0);
        let (indices, values) = found.map(|(index, &value)| (index, value)).unzip();
        Self { indices, values }
    }

    /// The sum of products of the weights that both have.
    pub fn dot(&self, other: &Self) -> f32 {
        let mut others = other.indices.iter().zip(&other.values).peekable();
        let mut sum = 0.0;
        for (index, value) in self.indices.iter().zip(&self.values) {
            while others.next_if(|(other, _)| *other < index).is_some() {}
            if let Some((_, other)) = others.next_if(|(other, _)| *other == index) {
                sum += value * other;
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_both_have_are_multiplied() {
        let a = SparseVector::of(&[0.0, 2.0, 0.0, 3.0, 1.0]);
        let b = SparseVector::of(&[5.0, 7.0, 0.0, 0.0, 2.0]);
        assert_eq!((a.indices.as_slice(), a.values.as_slice()), (&[1, 3, 4][..], &[2.0, 3.0, 1.0][..]));
        assert_eq!(a.dot(&b), 16.0);
        assert_eq!(a.dot(&SparseVector::default()), 0.0);
    }
}
