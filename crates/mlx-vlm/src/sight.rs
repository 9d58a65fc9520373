//! What is around a decoder so that it sees.

use std::ops::Range;
use std::rc::Rc;

use mlx_core::{Array, Dtype, Precision};
use mlx_hub::{Checkpoint as Files, Source};
use mlx_lm::cache::KvCache;
use mlx_lm::{Loader, Model};

use crate::family::{self, Checkpoint, Family};
use crate::features::{Features, Seen};
use crate::prompt::Kind;
use crate::{Error, Media, Prompt, Result};

/// The processors and the tower of a checkpoint, and what they made of images.
///
/// [`VisionLanguageModel`](crate::VisionLanguageModel) has it together with a decoder and a tokenizer. By itself it
/// serves programs that know tokens alone.
pub struct Sight {
    family: Box<dyn Family>,
    features: Features,
}

impl Sight {
    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights: its decoder, and what lets that see.
    ///
    /// # Errors
    /// A file is missing or damaged, the architecture is not known, or the weights do not fit the config.
    pub fn load(
        source: Source,
        dtype: impl Into<Option<Dtype>>,
        precision: Precision,
    ) -> Result<(Model, Self)> {
        let loader = Loader::new(source).dtype(dtype).precision(precision);
        let (model, family) = loader.load_around(|around| -> Result<_> {
            let Files::Directory(directory) = around.checkpoint else {
                return Err(Error::config("a GGUF file holds no tower: give a folder or a Hub id"));
            };
            let config = &directory.config()?;
            family::load(&Checkpoint { config, directory, weights: around.weights })
        })?;
        Ok((model, Self { family, features: Features::new() }))
    }

    /// What the tower made of images, kept for further questions.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// A prompt of tokens, in which placeholders stand for `media` in order, one for each vector.
    ///
    /// # Errors
    /// There are not as many placeholders, or the model does not take what is shown.
    pub fn prompt<'m>(&self, tokens: &[u32], media: impl IntoIterator<Item = &'m Media>) -> Result<Prompt> {
        let seen = self.of(media)?.into_iter().map(|(_, seen)| seen).collect();
        Prompt::of_tokens(tokens.to_vec(), seen, self.family())
    }

    /// Scores `[1, length, vocabulary]` by `model`, the decoder that it was loaded with, after each token of `prompt`
    /// that `cache` does not hold yet.
    ///
    /// # Errors
    /// The prompt is longer than the model's context.
    pub fn logits(&self, model: &Model, prompt: &Prompt, cache: &mut KvCache) -> Result<Array> {
        let range = cache.offset().unsigned_abs() as usize..prompt.tokens().len();
        model.check_end(range.end)?;
        let hidden = self.hidden(model, prompt, range.clone())?;
        cache.expect(prompt.upcoming(range)?)?;
        Ok(model.decoder().decode(hidden, cache)?)
    }

    /// Runs the tokens of `prompt` that `cache` does not hold yet, up to what is behind the last image or to `end`, `step`
    /// at a time.
    pub(crate) fn run(
        &self,
        model: &Model,
        prompt: &Prompt,
        cache: &mut KvCache,
        (end, step): (usize, usize),
    ) -> Result<()> {
        let end = prompt.text_from().min(end);
        let mut at = cache.offset().unsigned_abs() as usize;
        while at < end {
            let next = prompt.chunk_end(at, step).min(end);
            let hidden = self.hidden(model, prompt, at..next)?;
            cache.expect(prompt.upcoming(at..next)?)?;
            model.prefill_hidden(&hidden, cache)?;
            at = next;
        }
        Ok(())
    }

    pub(crate) fn family(&self) -> &dyn Family {
        self.family.as_ref()
    }

    /// What is seen of all that a conversation shows, and which marker stands for each.
    pub(crate) fn of<'m>(&self, media: impl IntoIterator<Item = &'m Media>) -> Result<Vec<(Kind, Rc<Seen>)>> {
        let media: Vec<_> = media.into_iter().collect();
        let several = media.iter().filter(|media| matches!(media, Media::Image(_))).count() > 1;
        let seen = |media: &Media| Ok((Kind::of(media), self.features.of(media, several, self.family())?));
        media.into_iter().map(seen).collect()
    }

    /// Hidden states of tokens, with the vectors of what is shown in their places: `[1, length, hidden + more]`.
    fn hidden(&self, model: &Model, prompt: &Prompt, range: Range<usize>) -> Result<Array> {
        let tokens = prompt.tokens().get(range.clone()).unwrap_or_default();
        let placeholders = self.family.tokens();
        // A placeholder may be outside the vocabulary.
        let known: Vec<_> =
            tokens.iter().map(|token| if placeholders.contains(token) { 0 } else { *token }).collect();
        let ids = Array::from_slice(&known, [1, i32::try_from(known.len()).unwrap_or(i32::MAX)])?;
        let text = model.decoder().embed(&ids)?;
        let Some(vectors) = self.vectors(prompt, range)? else { return Ok(text) };
        let places = (0..).zip(tokens).filter(|(_, token)| placeholders.contains(token));
        Ok(crate::hidden::put(text, places.map(|(at, _)| at).collect(), &vectors)?)
    }

    /// The vectors of the placeholders in a range of tokens, `[placeholders, width]`; none if there are no such.
    fn vectors(&self, prompt: &Prompt, range: Range<usize>) -> Result<Option<Array>> {
        let mut parts = Vec::new();
        for shown in &prompt.shown {
            let inside = shown.tokens.start.max(range.start)..shown.tokens.end.min(range.end);
            if inside.is_empty() {
                continue;
            }
            let count = |range| prompt.placeholders(range, self.family.tokens());
            let before = count(shown.tokens.start..inside.start);
            let all = self.features.vectors(&shown.seen, self.family())?;
            parts.push(all.index(before..before + count(inside))?);
        }
        Ok(if parts.is_empty() { None } else { Some(mlx_core::concatenate(&parts, 0)?) })
    }
}
