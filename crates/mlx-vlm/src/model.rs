//! A model with its tokenizer: turns in, text out.

use mlx_core::{Array, Dtype, Precision};
use mlx_hub::{Checkpoint as Files, Source};
use mlx_lm::cache::KvCache;
use mlx_lm::{BatchPrompt, GenerateOptions, LanguageModel, Loader, TextStream};
use mlx_text::{ChatOptions, Message};

use crate::family::{self, Checkpoint, Family};
use crate::features::Features;
use crate::prompt::Kind;
use crate::{Error, Prompt, Result, Turn};

/// A language model, and what lets it see.
pub struct VisionLanguageModel {
    language: LanguageModel,
    family: Box<dyn Family>,
    features: Features,
}

/// Loads a vision-language model from a folder or a Hub id.
pub fn load(source: &str) -> Result<VisionLanguageModel> {
    VisionLanguageModel::load(Source::parse(source)?, None, Precision::Exact)
}

impl VisionLanguageModel {
    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, the architecture is not known, or the weights do not fit the config.
    pub fn load(source: Source, dtype: Option<Dtype>, precision: Precision) -> Result<Self> {
        let loader = Loader::new(source).dtype(dtype).precision(precision);
        let (language, family) = loader.load_around(|around| -> Result<_> {
            let Files::Directory(directory) = around.checkpoint else {
                return Err(Error::config("a GGUF file holds no images' side: give a folder or a Hub id"));
            };
            let config = &directory.config()?;
            family::load(&Checkpoint { config, directory, weights: around.weights })
        })?;
        Ok(Self { language, family, features: Features::new() })
    }

    /// The language model, which knows text alone.
    pub fn language(&self) -> &LanguageModel {
        &self.language
    }

    /// What the tower made of images, kept for further questions.
    pub fn features(&self) -> &Features {
        &self.features
    }

    pub(crate) fn family(&self) -> &dyn Family {
        self.family.as_ref()
    }

    /// A conversation as the checkpoint's chat template writes it, up to where the answer begins.
    ///
    /// Images are resized and cut as the model takes them, so the tokens are known; the tower has not run yet.
    ///
    /// # Errors
    /// An image has no size that the model takes, or the template does not write what is shown.
    pub fn chat(&self, turns: &[Turn]) -> Result<Prompt> {
        self.chat_with(turns, &ChatOptions::default())
    }

    /// As [`chat`](Self::chat), with further variables for the template.
    pub fn chat_with(&self, turns: &[Turn], options: &ChatOptions) -> Result<Prompt> {
        let tokenizer = self.language.tokenizer();
        let Some(template) = tokenizer.chat_template() else {
            return Err(Error::Prompt(
                "the checkpoint has no chat template: give the text of a prompt".into(),
            ));
        };
        let messages: Vec<Message> = turns.iter().map(|turn| turn.message.clone()).collect();
        self.prompt(&template.render(&messages, options)?, turns.iter().flat_map(|turn| &turn.media))
    }

    /// A text in which the family's markers stand for `media`, in order.
    ///
    /// # Errors
    /// There are not as many markers.
    pub fn prompt<'m>(
        &self,
        text: &str,
        media: impl IntoIterator<Item = &'m crate::Media>,
    ) -> Result<Prompt> {
        let media: Vec<_> = media.into_iter().collect();
        let several = media.iter().filter(|media| matches!(media, crate::Media::Image(_))).count() > 1;
        let mut seen = Vec::with_capacity(media.len());
        for media in media {
            seen.push((Kind::of(media), self.features.of(media, several, self.family())?));
        }
        Prompt::new(text, seen, self.family(), self.language.tokenizer())
    }

    /// The cache behind the images of `prompt`, for [`LanguageModel::generate_from`] and for batches; empty if it has
    /// none.
    ///
    /// # Errors
    /// The prompt is longer than the model's context, or the options of the cache are out of range.
    pub fn prefill(&self, prompt: &Prompt, options: &GenerateOptions) -> Result<KvCache> {
        let mut cache = self.language.model().cache().with(&options.cache)?;
        cache.reserve(prompt.tokens.len() + options.max_tokens.min(256));
        self.run_shown(prompt, &mut cache, options.prefill_step)?;
        Ok(cache)
    }

    /// The text that follows `prompt`.
    pub fn generate(&self, prompt: &Prompt, options: GenerateOptions) -> Result<TextStream<'_>> {
        let cache = self.prefill(prompt, &options)?;
        Ok(self.language.generate_from(cache, &prompt.tokens, options)?)
    }

    /// The prompt as a batch of texts takes it: its images are run here and now.
    pub fn batch_prompt(&self, prompt: &Prompt, options: &GenerateOptions) -> Result<BatchPrompt> {
        let cache = self.prefill(prompt, options)?;
        Ok(BatchPrompt::new(prompt.tokens()).cache(cache))
    }

    /// Scores `[1, length, vocabulary]` after each token of `prompt` that `cache` does not hold yet.
    ///
    /// # Errors
    /// The prompt is longer than the model's context.
    pub fn logits(&self, prompt: &Prompt, cache: &mut KvCache) -> Result<Array> {
        let held = cache.offset().unsigned_abs() as usize;
        let hidden = self.hidden(prompt, held..prompt.tokens.len())?;
        cache.expect(prompt.upcoming(held..prompt.tokens.len())?)?;
        Ok(self.language.model().decoder().decode(hidden, cache)?)
    }
}
