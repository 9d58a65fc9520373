//! Recordings in the prompts of the decoder.

use mlx_core::{Array, Result as MlxResult, concatenate, eval, memory};
use mlx_lm::cache::KvCache;

use super::{Options, Qwen3Asr};
use crate::{Error, Result};

/// What was read of recordings, and what was written about each so far.
pub struct Hearing<'a> {
    model: &'a Qwen3Asr,
    cache: KvCache,
    scores: Array,
    rows: usize,
}

/// Places of a prompt that run through the decoder together.
const STEP: i32 = 1024;

impl Qwen3Asr {
    /// What is read of recordings, to ask for scores of tokens.
    ///
    /// # Errors
    /// As [`recognize`](Self::recognize).
    pub fn hear(&self, recordings: &[&[f32]], options: &Options) -> Result<Hearing<'_>> {
        if recordings.is_empty() {
            return Err(Error::option("recordings", 0, "give at least one"));
        }
        let prompts = recordings.iter().map(|samples| self.embedded(samples, options));
        let prompts = prompts.collect::<Result<Vec<_>>>()?;
        let lengths = prompts.iter().map(|prompt| prompt.dim(1)).collect::<MlxResult<Vec<_>>>()?;
        let longest = lengths.iter().copied().max().unwrap_or_default();
        if let Some(context) = self.decoder.context().filter(|&context| longest as usize >= context) {
            let range = format!("the decoder reads {context} at most: cut the recording into parts");
            return Err(Error::option("places of the prompt", longest, range));
        }
        let widths: Vec<_> = lengths.iter().map(|length| longest - length).collect();
        let padded = prompts.iter().zip(&widths).map(|(prompt, &width)| prompt.pad([(1, width, 0)], 0));
        let prompts = concatenate(&padded.collect::<MlxResult<Vec<_>>>()?, 0)?;
        let mut cache = self.decoder.cache().with_padding(&widths)?;
        let scores = self.read(&prompts, &mut cache)?;
        Ok(Hearing { model: self, cache, scores, rows: recordings.len() })
    }

    /// Hidden states of a prompt with a recording in it, `[1, length, width]`.
    fn embedded(&self, samples: &[f32], options: &Options) -> Result<Array> {
        let decoder = self.decoder.decoder();
        let [before, behind] = self.prompt(options)?.map(|tokens| {
            let length = i32::try_from(tokens.len()).unwrap_or(i32::MAX);
            decoder.embed(&Array::from_slice(&tokens, [1, length])?)
        });
        let (before, behind) = (before?, behind?);
        let heard = self.hidden(samples)?.expand_dims(0)?.astype(before.dtype())?;
        Ok(concatenate([&before, &heard, &behind], 1)?)
    }

    /// Runs prompts `[rows, length, width]` for what they leave in `cache`, and for scores behind them,
    /// `[rows, vocabulary]`.
    fn read(&self, prompts: &Array, cache: &mut KvCache) -> Result<Array> {
        let decoder = self.decoder.decoder();
        let length = prompts.dim(1)?;
        let mut from = 0;
        while length - from > STEP {
            decoder.states(prompts.index((.., from..from + STEP))?, cache)?;
            eval(cache.arrays())?;
            memory::clear_cache()?;
            from += STEP;
        }
        let states = decoder.states(prompts.index((.., from..))?, cache)?;
        Ok(decoder.scores(&states.index((.., -1..))?)?.index((.., 0))?)
    }
}

impl Hearing<'_> {
    /// Scores `[recordings, vocabulary]` of the first token that the model writes.
    pub fn scores(&self) -> &Array {
        &self.scores
    }

    /// Scores `[recordings, tokens, vocabulary]` of what comes behind each of the tokens of each recording, which follow
    /// those that were given before.
    ///
    /// # Errors
    /// They are not as many for each recording, none, too many, or one is outside the vocabulary.
    pub fn logits(&mut self, tokens: &[&[u32]]) -> Result<Array> {
        let length = tokens.first().map_or(0, |row| row.len());
        if tokens.len() != self.rows || tokens.iter().any(|row| row.len() != length) {
            let range = format!("give as many for each of {} recordings", self.rows);
            return Err(Error::option("rows of tokens", tokens.len(), range));
        }
        let (all, vocabulary) = (tokens.concat(), self.model.decoder.vocab_size());
        if let Some(token) = all.iter().find(|&&token| token as usize >= vocabulary) {
            return Err(Error::option("tokens", token, format!("the vocabulary has {vocabulary}")));
        }
        let room = self.room();
        match [tokens.len(), length].map(i32::try_from) {
            [Ok(rows), Ok(count)] if (1..=room).contains(&length) => {
                self.step(&Array::from_slice(&all, [rows, count])?)
            }
            _ => Err(Error::option("tokens", length, format!("there is room for 1 to {room}"))),
        }
    }

    /// How many tokens the decoder's context has left.
    pub(super) fn room(&self) -> usize {
        let read = self.cache.offset().unsigned_abs() as usize;
        self.model.decoder.context().map_or(usize::MAX, |context| context.saturating_sub(read))
    }

    /// Scores behind tokens `[rows, length]`.
    pub(super) fn step(&mut self, tokens: &Array) -> Result<Array> {
        let decoder = self.model.decoder.decoder();
        Ok(decoder.decode(decoder.embed(tokens)?, &mut self.cache)?)
    }
}
