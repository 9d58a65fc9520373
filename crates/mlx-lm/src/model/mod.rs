//! The architectures, and what they have in common.

mod body;
mod deepseek_v2;
mod deepseek_v3;
mod gemma;
mod glm4;
mod glm4_moe;
mod gpt_oss;
mod lfm2;
mod llama;
mod ministral3;
mod mixtral;
mod moondream;
mod part;
mod phi3;
mod qwen2;
mod qwen2_moe;
mod qwen3;
mod qwen3_moe;
mod qwen_next;
mod smollm3;
mod wrapper;

use mlx_core::{Array, Result as MlxResult, eval, memory};
use mlx_nn::{Module, Weights};

pub(crate) use self::body::headed;
pub use self::wrapper::WRAPPERS;
use self::wrapper::{Wrapper, ignore_others};
pub(crate) use self::wrapper::{ignore_predictors, spelled, take_others};
use crate::cache::KvCache;
use crate::config::{Common, Config};
use crate::generate::Start;
use crate::{Error, GenerateOptions, Result, TokenStream};

/// A decoder: tokens in, scores of the next token out.
///
/// Its parts are apart so that a model of images can put its features between them, and a model of texts can end at the
/// hidden states.
pub trait Decoder: Module {
    /// Token ids `[batch, length]` to hidden states `[batch, length, hidden]`. What layers need of the tokens beside
    /// these is behind them, `[batch, length, hidden + more]`.
    fn embed(&self, tokens: &Array) -> MlxResult<Array>;

    /// Hidden states of [`embed`](Self::embed) to those behind the last layer and its norm,
    /// `[batch, length, hidden]`, past the tokens in `cache`, which takes up the new ones.
    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array>;

    /// Such states to scores of the next token, `[batch, length, vocabulary]`.
    fn scores(&self, states: &Array) -> MlxResult<Array>;

    /// Hidden states of [`embed`](Self::embed) to scores.
    fn decode(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        self.scores(&self.states(hidden, cache)?)
    }

    /// Hidden states of [`embed`](Self::embed) to those behind the last layer but before its norm, and to scores: for
    /// heads that look at the former.
    ///
    /// # Errors
    /// The decoder has no head but that of its tokens.
    fn bare_states(&self, _hidden: Array, _cache: &mut KvCache) -> MlxResult<(Array, Array)> {
        Err(mlx_core::Error::custom("bare_states", "the decoder has no head but that of its tokens"))
    }

    /// An empty cache.
    fn cache(&self) -> KvCache;
}

macro_rules! models {
    ($($($name:literal)|+ => $($family:ident)::+,)*) => {
        /// The values of `model_type` that can be built.
        pub const KNOWN: &[&str] = &[$($($name),+),*];

        /// Builds the decoder alone that the config describes.
        fn decoder(config: &Config, weights: &Weights) -> Result<Box<dyn Decoder>> {
            match config.decoder_type() {
                $($($name)|+ => Ok(Box::new($($family)::+::load(weights, config)?)),)*
                other => Err(Error::UnknownModel { found: other.to_owned(), known: KNOWN }),
            }
        }
    };
}

models! {
    "llama" | "mistral" | "iquestcoder" | "xverse" => llama,
    "deepseek_v2" => deepseek_v2,
    "deepseek_v3" | "kimi_k2" | "joyai_llm_flash" => deepseek_v3,
    "gemma" => gemma::gemma1,
    "gemma2" => gemma::gemma2,
    "gemma3_text" => gemma::gemma3,
    "gemma3n_text" => gemma::gemma3n,
    "gemma4_text" | "gemma4_unified_text" => gemma::gemma4,
    "glm4" => glm4,
    "glm4_moe" => glm4_moe,
    "gpt_oss" => gpt_oss,
    "lfm2" => lfm2,
    "ministral3" => ministral3,
    "mixtral" => mixtral,
    "moondream2" => moondream,
    "moondream3" => moondream::moondream3,
    "phi3" => phi3,
    "qwen2" => qwen2,
    "qwen2_moe" => qwen2_moe,
    "qwen3" => qwen3,
    "qwen3_5_text" | "qwen3_5_moe_text" => qwen_next::qwen3_5,
    "qwen3_moe" => qwen3_moe,
    "qwen3_next" => qwen_next::qwen3_next,
    "smollm3" => smollm3,
}

/// Builds the decoder that the config names, within its wrapper if it has one.
fn build(config: &Config, weights: &Weights) -> Result<Box<dyn Decoder>> {
    if !config.is_wrapped() {
        return decoder(config, weights);
    }
    if WRAPPERS.contains(&config.model_type()) {
        return Ok(Box::new(Wrapper::load(weights, config)?));
    }
    Err(Error::UnknownModel { found: config.model_type().to_owned(), known: WRAPPERS })
}

/// A decoder, and what its config says about running it.
pub struct Model {
    decoder: Box<dyn Decoder>,
    model_type: String,
    vocab_size: usize,
    context: Option<usize>,
    steady: Option<usize>,
    eos: Vec<u32>,
}

impl Model {
    /// Builds the model that `config` describes from `weights`, all of which it must use.
    ///
    /// # Errors
    /// The architecture is unknown, a field is missing or not supported, or a weight is missing, left over or misshapen.
    pub fn new(config: &Config, weights: Weights) -> Result<Self> {
        if config.is_wrapped() {
            ignore_others(&weights);
        }
        let model = Self::within(config, &weights)?;
        weights.finish()?;
        Ok(model)
    }

    /// Builds the decoder that `config` describes from `weights`, of which others may use the rest.
    pub(crate) fn within(config: &Config, weights: &Weights) -> Result<Self> {
        let decoder = build(config, weights)?;
        config.finish()?;
        let common: Common = config.peek()?;
        let (context, steady, eos) = (common.context(), common.steady(), common.eos());
        Ok(Self {
            decoder,
            model_type: config.model_type().to_owned(),
            vocab_size: common.vocab_size,
            context,
            steady,
            eos,
        })
    }

    /// A model of a decoder of one's own, which gives scores to so many tokens. It has no name, no limit to its
    /// context, and no token that ends a text.
    pub fn of(decoder: impl Decoder + 'static, vocab_size: usize) -> Self {
        let (decoder, model_type) = (Box::new(decoder), String::new());
        Self { decoder, model_type, vocab_size, context: None, steady: None, eos: Vec::new() }
    }

    /// The architecture, by the config's `model_type`.
    pub fn model_type(&self) -> &str {
        &self.model_type
    }

    /// The number of tokens that have a score.
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// The longest text that the model was made for, in tokens.
    pub fn context(&self) -> Option<usize> {
        self.context
    }

    /// The longest text, in tokens, whose scores do not depend on how many tokens run together; absent if that is
    /// any.
    pub(crate) fn steady(&self) -> Option<usize> {
        self.steady
    }

    /// The tokens that end a text, as the config has them.
    pub fn eos(&self) -> &[u32] {
        &self.eos
    }

    /// The decoder itself: its parameters, batches, hidden states from elsewhere. It does not check tokens.
    pub fn decoder(&self) -> &dyn Decoder {
        self.decoder.as_ref()
    }

    pub(crate) fn decoder_mut(&mut self) -> &mut dyn Decoder {
        self.decoder.as_mut()
    }

    /// The decoder itself, to be changed.
    pub fn into_decoder(self) -> Box<dyn Decoder> {
        self.decoder
    }

    /// An empty cache.
    pub fn cache(&self) -> KvCache {
        self.decoder.cache()
    }

    /// Scores `[1, length, vocabulary]` after each of `tokens`, which follow those in `cache`.
    ///
    /// # Errors
    /// `tokens` is empty, holds an id outside the vocabulary, or goes beyond the context.
    pub fn logits(&self, tokens: &[u32], cache: &mut KvCache) -> Result<Array> {
        self.check(tokens, cache.offset())?;
        let length =
            i32::try_from(tokens.len()).map_err(|_| Error::Prompt("the prompt is too long".into()))?;
        Ok(self.step(&Array::from_slice(tokens, [1, length])?, cache)?)
    }

    /// Runs `tokens`, `step` of them at a time, for what they leave in `cache`.
    ///
    /// # Errors
    /// As [`logits`](Self::logits), but for no tokens.
    pub fn prefill(&self, tokens: &[u32], cache: &mut KvCache, step: usize) -> Result<()> {
        for chunk in tokens.chunks(step.max(1)) {
            cache.layer_by_layer(|cache| self.logits(chunk, cache))?;
            eval(cache.arrays())?;
            memory::clear_cache()?;
        }
        Ok(())
    }

    /// The tokens that follow `prompt`, past any end of text, until `max_tokens`.
    pub fn generate(&self, prompt: &[u32], options: &GenerateOptions) -> Result<TokenStream<'_>> {
        TokenStream::new(self, None, Start::new(self, prompt, options)?, options)
    }

    /// Runs hidden states of [`Decoder::embed`], in which features may stand in place of those of tokens, for what they
    /// leave in `cache`.
    ///
    /// # Errors
    /// They go beyond the context, or MLX refuses them.
    pub fn prefill_hidden(&self, hidden: &Array, cache: &mut KvCache) -> Result<()> {
        let end = cache.offset().saturating_add(hidden.dim(1)?);
        self.check_end(usize::try_from(end).unwrap_or_default())?;
        cache.layer_by_layer(|cache| self.decoder.states(hidden.clone(), cache))?;
        eval(cache.arrays())?;
        Ok(memory::clear_cache()?)
    }

    /// Scores after `tokens` `[batch, length]`, which are known to be in range.
    pub(crate) fn step(&self, tokens: &Array, cache: &mut KvCache) -> MlxResult<Array> {
        self.decoder.decode(self.decoder.embed(tokens)?, cache)
    }

    /// Checks tokens that come from outside.
    pub(crate) fn check(&self, tokens: &[u32], offset: i32) -> Result<()> {
        if tokens.is_empty() {
            return Err(Error::Prompt("the prompt is empty: give at least one token".into()));
        }
        if let Some(id) = tokens.iter().find(|&&id| id as usize >= self.vocab_size) {
            let size = self.vocab_size;
            return Err(Error::Prompt(format!("token {id} is outside the vocabulary of {size}")));
        }
        self.check_end(tokens.len().saturating_add(offset.unsigned_abs() as usize))
    }

    /// Checks that the context holds so many tokens.
    ///
    /// # Errors
    /// It does not.
    pub fn check_end(&self, end: usize) -> Result<()> {
        match self.context {
            Some(context) if end > context => Err(Error::Prompt(format!(
                "the prompt reaches {end} tokens, but the model's context is {context}: shorten it"
            ))),
            _ => Ok(()),
        }
    }
}
