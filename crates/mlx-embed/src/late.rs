//! Late interaction: a vector for each token, and the score of a text is what the tokens of a query find in it.
//!
//! Khattab and Zaharia, "ColBERT"; checkpoints are in the layout of PyLate.

use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};
use mlx_hub::Source;
use mlx_text::Tokenizer;
use serde::Deserialize;

use crate::batch::batches;
use crate::checkpoint::{Checkpoint, optional};
use crate::encoder::Encoder;
use crate::pipeline::{TokenPipeline, normalized};
use crate::rerank::Ranked;
use crate::{Error, Packed, Result};

/// A model that gives a vector to each token.
pub struct LateInteraction {
    encoder: Box<dyn Encoder>,
    pipeline: TokenPipeline,
    tokenizer: Tokenizer,
    queries: Form,
    documents: Form,
    /// Tokens of documents that have no vector, such as punctuation.
    skipped: Vec<u32>,
    /// What fills queries up to their length, if anything does.
    filling: Option<u32>,
    /// Whether other tokens see what fills a query.
    sees_filling: bool,
}

/// How one side is written.
struct Form {
    marker: Option<u32>,
    length: usize,
}

/// `config_sentence_transformers.json`, as PyLate writes it.
#[derive(Default, Deserialize)]
struct Settings {
    #[serde(default)]
    query_prefix: String,
    #[serde(default)]
    document_prefix: String,
    query_length: Option<usize>,
    document_length: Option<usize>,
    #[serde(default)]
    attend_to_expansion_tokens: bool,
    do_query_expansion: Option<bool>,
    #[serde(default)]
    skiplist_words: Vec<String>,
}

/// Tokens that run together.
const BATCH_TOKENS: usize = 1024;

/// Loads a model from a folder or a Hub id.
pub fn load(source: &str) -> Result<LateInteraction> {
    LateInteraction::load(&Source::parse(source)?, None)
}

impl LateInteraction {
    /// Loads a model, which computes in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// The checkpoint is not found, is damaged, or has a part that is not supported.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let checkpoint = Checkpoint::open(source)?;
        let settings: Settings = optional(&checkpoint.directory, "config_sentence_transformers.json")?;
        let encoder = checkpoint.encoder(dtype)?;
        let longest = checkpoint.longest(encoder.as_ref()).unwrap_or(usize::MAX);
        let tokenizer = &checkpoint.tokenizer;
        let form = |prefix: &str, length: usize| {
            Ok::<_, Error>(Form { marker: marker(tokenizer, prefix)?, length: length.min(longest) })
        };
        let expands = settings.do_query_expansion.unwrap_or(true);
        let filling = if expands { Some(mask_token(tokenizer)?) } else { None };
        if filling.is_some() && !settings.attend_to_expansion_tokens && !encoder.hides_tokens() {
            let problem = "attend_to_expansion_tokens is off, which this encoder cannot do";
            return Err(Error::config("config_sentence_transformers.json", problem));
        }
        Ok(Self {
            queries: form(&settings.query_prefix, settings.query_length.unwrap_or(32))?,
            documents: form(&settings.document_prefix, settings.document_length.unwrap_or(180))?,
            skipped: settings.skiplist_words.iter().filter_map(|word| tokenizer.id(word)).collect(),
            filling,
            sees_filling: settings.attend_to_expansion_tokens,
            pipeline: TokenPipeline::read(&checkpoint.directory)?,
            tokenizer: checkpoint.tokenizer,
            encoder,
        })
    }

    /// The vectors of each query, `[tokens, width]`, of length 1.
    pub fn embed_queries<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Array>> {
        let mut all = self.encoded(texts, &self.queries)?;
        let seen: Vec<_> = all.iter().map(Vec::len).collect();
        if let Some(filling) = self.filling {
            all.iter_mut().for_each(|tokens| tokens.resize(self.queries.length, filling));
        }
        let seen = if self.sees_filling { all.iter().map(Vec::len).collect() } else { seen };
        self.vectors(&all, &seen)
    }

    /// The vectors of each text, `[tokens, width]`, of length 1; tokens of the checkpoint's list of words have none.
    pub fn embed_documents<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Array>> {
        let all = self.encoded(texts, &self.documents)?;
        let seen: Vec<_> = all.iter().map(Vec::len).collect();
        let vectors = self.vectors(&all, &seen)?;
        vectors.into_iter().zip(&all).map(|(vectors, tokens)| self.without_skipped(vectors, tokens)).collect()
    }

    /// Texts by their scores for a query, the best first.
    pub fn rank<T: AsRef<str>>(&self, query: &str, documents: &[T]) -> Result<Vec<Ranked>> {
        let (query, documents) = (self.embed_queries(&[query])?, self.embed_documents(documents)?);
        let Some(query) = query.first() else { return Ok(Vec::new()) };
        Ok(Ranked::in_order(max_sim(query, &documents)?))
    }

    /// Tokens of texts with the marker of their side behind the first.
    fn encoded<T: AsRef<str>>(&self, texts: &[T], form: &Form) -> Result<Vec<Vec<u32>>> {
        let most = form.length.saturating_sub(usize::from(form.marker.is_some()));
        texts
            .iter()
            .map(|text| {
                let mut tokens = self.tokenizer.encode_up_to(text.as_ref(), Some(most))?;
                if let Some(marker) = form.marker {
                    tokens.insert(tokens.len().min(1), marker);
                }
                Ok(tokens)
            })
            .collect()
    }

    /// The vectors of texts, of which others see the first `seen` tokens.
    fn vectors(&self, texts: &[Vec<u32>], seen: &[usize]) -> Result<Vec<Array>> {
        let lengths: Vec<_> = texts.iter().map(Vec::len).collect();
        let none = Array::zeros([0, 0], Dtype::Float32)?;
        let mut all = vec![none; texts.len()];
        for batch in batches(&lengths, BATCH_TOKENS) {
            let text = |&at: &usize| Some((texts.get(at)?.as_slice(), *seen.get(at)?));
            let packed = Packed::partly_seen(batch.iter().filter_map(text));
            let hidden = self.encoder.forward(&packed)?.astype(Dtype::Float32)?;
            let vectors = normalized(&self.pipeline.forward(&hidden)?)?;
            let mut start = 0;
            for at in batch {
                let end = start + texts.get(at).map_or(0, |text| i32::try_from(text.len()).unwrap_or(0));
                if let Some(place) = all.get_mut(at) {
                    *place = vectors.index(start..end)?;
                    place.eval()?;
                }
                start = end;
            }
        }
        Ok(all)
    }

    fn without_skipped(&self, vectors: Array, tokens: &[u32]) -> Result<Array> {
        let kept = (0..).zip(tokens).filter(|(_, token)| !self.skipped.contains(token));
        let kept: Vec<i32> = kept.map(|(at, _)| at).collect();
        if kept.len() == tokens.len() {
            return Ok(vectors);
        }
        let count = i32::try_from(kept.len()).unwrap_or(0);
        Ok(vectors.take(&Array::from_slice(&kept, [count])?, 0)?)
    }
}

/// The token that a prefix is.
fn marker(tokenizer: &Tokenizer, prefix: &str) -> Result<Option<u32>> {
    if prefix.is_empty() {
        return Ok(None);
    }
    let id = tokenizer.id(prefix).or_else(|| tokenizer.id(prefix.trim()));
    let missing = || Error::config("tokenizer.json", format!("has no token for the prefix `{prefix}`"));
    id.map(Some).ok_or_else(missing)
}

/// The token that stands for one that is hidden.
fn mask_token(tokenizer: &Tokenizer) -> Result<u32> {
    let known = ["[MASK]", "<mask>", "<|mask|>"];
    let missing =
        || Error::config("tokenizer.json", format!("has none of {} to fill queries with", known.join(", ")));
    known.iter().find_map(|name| tokenizer.id(name)).ok_or_else(missing)
}

/// The score of each text for a query: the sum over the query's vectors `[tokens, width]` of the greatest dot product
/// with one of the text's. A text without vectors has 0.
pub fn max_sim(query: &Array, documents: &[Array]) -> MlxResult<Vec<f32>> {
    let real: Vec<_> = documents.iter().filter(|document| document.shape().first() != Some(&0)).collect();
    let mut scores = vec![0.0; documents.len()];
    if real.is_empty() {
        return Ok(scores);
    }
    let found = query.matmul(concatenate(real, 0)?.t()?)?;
    let mut start = 0;
    for (document, score) in documents.iter().zip(&mut scores) {
        let end = start + document.dim(0)?;
        if end > start {
            *score = found.index((.., start..end))?.max(1)?.sum(..)?.item()?;
        }
        start = end;
    }
    Ok(scores)
}
