//! A model with its tokenizer: turns in, text out.

use mlx_core::{Array, Dtype, Precision};
use mlx_hub::Source;
use mlx_lm::cache::KvCache;
use mlx_lm::{BatchPrompt, GenerateOptions, LanguageModel, TextStream};
use mlx_text::{ChatOptions, Message, Tokenizer};

use crate::features::Features;
use crate::{Error, Media, Prompt, Result, Sight, Turn};

/// A language model, and what lets it see.
pub struct VisionLanguageModel {
    language: LanguageModel,
    sight: Sight,
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
    pub fn load(source: Source, dtype: impl Into<Option<Dtype>>, precision: Precision) -> Result<Self> {
        let checkpoint = source.resolve()?;
        let (model, sight) = Sight::load(Source::path(checkpoint.path()), dtype, precision)?;
        let language = LanguageModel::new(model, Tokenizer::from_dir(checkpoint.path())?);
        Ok(Self { language, sight })
    }

    /// The language model, which knows text alone.
    pub fn language(&self) -> &LanguageModel {
        &self.language
    }

    /// What the tower made of images, kept for further questions.
    pub fn features(&self) -> &Features {
        self.sight.features()
    }

    /// What lets the model see.
    pub fn sight(&self) -> &Sight {
        &self.sight
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
        let messages = self.sight.family().written(messages);
        self.prompt(&template.render(&messages, options)?, turns.iter().flat_map(|turn| &turn.media))
    }

    /// A text in which the family's markers stand for `media`, in order.
    ///
    /// # Errors
    /// There are not as many markers.
    pub fn prompt<'m>(&self, text: &str, media: impl IntoIterator<Item = &'m Media>) -> Result<Prompt> {
        Prompt::new(text, self.sight.of(media)?, self.sight.family(), self.language.tokenizer())
    }

    /// The cache behind the images of `prompt`, for [`LanguageModel::generate_from`] and for batches; empty if it has
    /// none.
    ///
    /// # Errors
    /// The prompt is longer than the model's context, or the options of the cache are out of range.
    pub fn prefill(&self, prompt: &Prompt, options: &GenerateOptions) -> Result<KvCache> {
        let mut cache = self.language.model().cache().with(&options.cache)?;
        cache.reserve(prompt.tokens.len() + options.max_tokens.min(256));
        let last = prompt.tokens.len().saturating_sub(1);
        self.sight.run(self.language.model(), prompt, &mut cache, (last, options.prefill_step))?;
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
        self.sight.logits(self.language.model(), prompt, cache)
    }
}
