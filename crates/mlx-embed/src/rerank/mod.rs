//! How well texts answer a query, read together with it.
//!
//! Two kinds of models are known: encoders with one score for a pair of texts (Nogueira and Cho, "Passage Re-ranking
//! with BERT"), and decoders that say `yes` or `no` (Zhang et al., "Qwen3 Embedding").
//!
//! ```no_run
//! fn main() -> mlx_embed::Result<()> {
//!     let reranker = mlx_embed::rerank::load("BAAI/bge-reranker-base")?;
//!     let documents = ["The panda eats bamboo.", "Paris is the capital of France."];
//!     for found in reranker.rank("what do pandas eat?", &documents, &Default::default())? {
//!         println!("{:.3} {}", found.score, documents[found.index]);
//!     }
//!     Ok(())
//! }
//! ```

mod classifier;
mod judge;

use mlx_core::Dtype;
use mlx_hub::Source;
use serde_json::Value;

use self::classifier::Classifier;
use self::judge::Judge;
use crate::checkpoint::Checkpoint;
use crate::encoder::is_decoder;
use crate::{Error, Result};

/// A model that reads a query and a text together.
pub struct Reranker(Kind);

enum Kind {
    Classifier(Classifier),
    Judge(Judge),
}

/// How to rank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RankOptions {
    /// Keep so many of the best; all without it.
    pub top_k: Option<usize>,
    /// What a decoder is told that texts are looked for; the one that it was trained with without it. Encoders have no
    /// use for one.
    pub instruction: Option<String>,
    /// The most tokens that run together: more need more memory.
    pub batch_tokens: usize,
}

impl Default for RankOptions {
    fn default() -> Self {
        Self { top_k: None, instruction: None, batch_tokens: 1024 }
    }
}

/// A text in a ranking.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its place in what was given.
    pub index: usize,
    /// How well it answers: from 0 to 1, unless the checkpoint leaves scores as they are.
    pub score: f32,
}

impl Ranked {
    /// Texts by their scores, the best first; those of one score in their order.
    pub(crate) fn in_order(scores: Vec<f32>) -> Vec<Self> {
        let mut ranked: Vec<_> =
            scores.into_iter().enumerate().map(|(index, score)| Self { index, score }).collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
        ranked
    }
}

/// Loads a model from a folder or a Hub id.
pub fn load(source: &str) -> Result<Reranker> {
    Reranker::load(&Source::parse(source)?, None)
}

impl Reranker {
    /// Loads a model, which computes in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// The checkpoint is not found, is damaged, or is no reranker.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let checkpoint = Checkpoint::open(source)?;
        if is_decoder(&checkpoint.config) {
            return Ok(Self(Kind::Judge(Judge::load(source, dtype)?)));
        }
        Ok(Self(Kind::Classifier(Classifier::load(checkpoint, dtype)?)))
    }

    /// The score of each text, in their order.
    ///
    /// # Errors
    /// There is an instruction for a model that has no use for one.
    pub fn scores<T: AsRef<str>>(
        &self,
        query: &str,
        documents: &[T],
        options: &RankOptions,
    ) -> Result<Vec<f32>> {
        let documents: Vec<_> = documents.iter().map(AsRef::as_ref).collect();
        match &self.0 {
            Kind::Classifier(_) if options.instruction.is_some() => Err(Error::config(
                "config.json",
                "is that of a model which takes no instruction: leave it out",
            )),
            Kind::Classifier(model) => model.scores(query, &documents, options.batch_tokens),
            Kind::Judge(model) => model.scores(query, &documents, options),
        }
    }

    /// The texts by their scores, the best first; those of one score in their order.
    ///
    /// # Errors
    /// As [`scores`](Self::scores).
    pub fn rank<T: AsRef<str>>(
        &self,
        query: &str,
        documents: &[T],
        options: &RankOptions,
    ) -> Result<Vec<Ranked>> {
        let scores = self.scores(query, documents, options)?;
        let mut ranked = Ranked::in_order(scores);
        ranked.truncate(options.top_k.unwrap_or(usize::MAX));
        Ok(ranked)
    }
}

/// The `model_type` of a config.
fn model_type(config: &Value) -> &str {
    config.get("model_type").and_then(Value::as_str).unwrap_or_default()
}

/// Scores of batches, put in the places of their texts.
fn in_places(count: usize, batches: Vec<(Vec<usize>, Vec<f32>)>) -> Vec<f32> {
    let mut scores = vec![0.0; count];
    for (at, score) in batches.into_iter().flat_map(|(batch, scores)| batch.into_iter().zip(scores)) {
        if let Some(place) = scores.get_mut(at) {
            *place = score;
        }
    }
    scores
}
