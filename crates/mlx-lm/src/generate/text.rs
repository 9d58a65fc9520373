//! Text as it becomes certain.

use std::time::Instant;

use mlx_memory::Peak;
use mlx_text::Detokenizer;

use super::stop::StopFilter;
use super::{GenerateOptions, Stats, Token, TokenStream};
use crate::cache::KvCache;
use crate::{LanguageModel, Logprobs, Result};

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FinishReason {
    /// The model ended it, a stop text appeared, or it has the form that it must have.
    Stop,
    /// It reached `max_tokens` or the end of the context.
    Length,
}

impl FinishReason {
    /// The name that OpenAI's interface gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// A piece of text. Pieces put together are the whole text.
#[derive(Clone, Debug)]
pub struct Piece {
    /// New text; empty while a letter is incomplete or a stop text may have begun.
    pub text: String,
    /// The token it came with; absent in a last piece without one.
    pub token: Option<u32>,
    /// How likely that token was, where [`GenerateOptions::logprobs`] asks for it.
    pub logprobs: Option<Logprobs>,
    /// Why the text ended, in the last piece.
    pub finish: Option<FinishReason>,
}

/// The text after a prompt, as an iterator of [`Piece`]s.
pub struct TextStream<'m> {
    tokens: TokenStream<'m>,
    eos: &'m [u32],
    detokenizer: Detokenizer,
    stop: StopFilter,
    stats: Stats,
    peak: Peak,
    first_token: Option<Instant>,
    started: Instant,
    finished: bool,
}

impl<'m> TextStream<'m> {
    pub(crate) fn new(model: &'m LanguageModel, prompt: &[u32], options: &GenerateOptions) -> Result<Self> {
        Self::of(model, prompt, options, || TokenStream::new(model.model(), prompt, options))
    }

    /// As [`new`](Self::new), where `cache` holds the first tokens of the prompt, but not the last one.
    pub(crate) fn resume(
        model: &'m LanguageModel,
        cache: KvCache,
        prompt: &[u32],
        options: &GenerateOptions,
    ) -> Result<Self> {
        Self::of(model, prompt, options, || TokenStream::resume(model.model(), cache, prompt, options))
    }

    fn of(
        model: &'m LanguageModel,
        prompt: &[u32],
        options: &GenerateOptions,
        tokens: impl FnOnce() -> Result<TokenStream<'m>>,
    ) -> Result<Self> {
        let started = Instant::now();
        Ok(Self {
            peak: Peak::start()?,
            tokens: tokens()?,
            eos: model.tokenizer().eos(),
            detokenizer: model.tokenizer().detokenizer(true),
            stop: StopFilter::new(&options.stop),
            stats: Stats { prompt_tokens: prompt.len(), ..Stats::default() },
            first_token: None,
            started,
            finished: false,
        })
    }

    /// Shows special tokens too, in which a model may mark the parts of its answer.
    pub(crate) fn with_special_tokens(self, model: &LanguageModel) -> Self {
        Self { detokenizer: model.tokenizer().detokenizer(false), ..self }
    }

    /// What the model remembers: the prompt, and each token once the one after it is begun.
    pub(crate) fn cache(&self) -> &KvCache {
        self.tokens.cache()
    }

    /// What the text cost so far.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    fn piece(&mut self) -> Result<Piece> {
        let Some(Token { id, logprobs }) = self.tokens.next().transpose()? else {
            let complete = self.tokens.is_complete();
            let reason = if complete { FinishReason::Stop } else { FinishReason::Length };
            return Ok(self.last(reason));
        };
        self.count()?;
        let token = Some(id);
        if self.eos.contains(&id) {
            return Ok(Piece { token, logprobs, ..self.last(FinishReason::Stop) });
        }
        let text = self.detokenizer.push(id)?.unwrap_or_default();
        let passed = self.stop.push(&text);
        self.finished = passed.stopped;
        let finish = passed.stopped.then_some(FinishReason::Stop);
        Ok(Piece { text: passed.text, token, logprobs, finish })
    }

    /// The last piece: what was held back.
    fn last(&mut self, reason: FinishReason) -> Piece {
        self.finished = true;
        let rest = self.detokenizer.finish().unwrap_or_default();
        let passed = self.stop.push(&rest);
        let text = if passed.stopped { passed.text } else { passed.text + &self.stop.finish() };
        Piece { text, token: None, logprobs: None, finish: Some(reason) }
    }

    fn count(&mut self) -> Result<()> {
        let now = Instant::now();
        let first = *self.first_token.get_or_insert(now);
        self.stats.prompt_time = first.duration_since(self.started);
        self.stats.generation_time = now.duration_since(first);
        self.stats.generation_tokens += 1;
        self.stats.peak_memory = self.peak.so_far()?;
        Ok(())
    }
}

impl Iterator for TextStream<'_> {
    type Item = Result<Piece>;

    fn next(&mut self) -> Option<Result<Piece>> {
        if self.finished {
            return None;
        }
        let piece = self.piece();
        self.finished |= piece.is_err();
        Some(piece)
    }
}
