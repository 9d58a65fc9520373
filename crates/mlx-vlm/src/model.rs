//! A model with its tokenizer: turns in, text out.

use mlx_core::{Array, Dtype, Precision};
use mlx_hub::Source;
use mlx_image::Size;
use mlx_lm::cache::KvCache;
use mlx_lm::{BatchPrompt, GenerateOptions, LanguageModel, TextStream};
use mlx_text::{ChatOptions, ChatTemplate, Message, Tokenizer};

use crate::features::Features;
use crate::grounding::Region;
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
        let tokenizer = Tokenizer::from_dir(checkpoint.path())?;
        let family = sight.family();
        let template = match (tokenizer.chat_template(), family.template(), family.inline()) {
            (None, Some(template), _) => Some(ChatTemplate::new(template)),
            (Some(template), _, Some(image)) => Some(template.clone().with_image(image)),
            _ => None,
        };
        let tokenizer = match template {
            Some(template) => tokenizer.with_chat_template(template),
            None => tokenizer,
        };
        Ok(Self { language: LanguageModel::new(model, tokenizer), sight })
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
        let text = self.render(turns.iter().map(|turn| turn.message.clone()), options)?;
        self.prompt(&text, turns.iter().flat_map(|turn| &turn.media))
    }

    /// The text of a conversation, with a marker for each part of it that shows something, for [`prompt`](Self::prompt).
    ///
    /// # Errors
    /// There is no chat template, or it refuses the conversation.
    pub fn render(
        &self,
        messages: impl IntoIterator<Item = Message>,
        options: &ChatOptions,
    ) -> Result<String> {
        let tokenizer = self.language.tokenizer();
        let Some(template) = tokenizer.chat_template() else {
            return Err(Error::Prompt(
                "the checkpoint has no chat template: give the text of a prompt".into(),
            ));
        };
        let messages = self.sight.family().written(messages.into_iter().map(Message::in_parts).collect());
        Ok(template.render(&messages, options)?)
    }

    /// A text in which the family's markers stand for `media`, in order.
    ///
    /// # Errors
    /// There are not as many markers.
    pub fn prompt<'m>(&self, text: &str, media: impl IntoIterator<Item = &'m Media>) -> Result<Prompt> {
        Prompt::new(text, self.sight.of(media)?, self.sight.family(), self.language.tokenizer())
    }

    /// What tells the placeholders of different images apart: as many numbers as `prompt` has tokens, 0 for each of text.
    /// A cache of a prompt holds the beginning of another one where tokens and marks are the same.
    pub fn marks(&self, prompt: &Prompt) -> Vec<u64> {
        prompt.marks(self.sight.family().tokens())
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

    /// Runs about `step` more tokens of `prompt` into `cache`, but not its last one. Tokens that see each other run together.
    ///
    /// # Errors
    /// The prompt is longer than the model's context.
    pub fn prefill_chunk(&self, prompt: &Prompt, cache: &mut KvCache, step: usize) -> Result<()> {
        let model = self.language.model();
        let (at, last) = (cache.offset().unsigned_abs() as usize, prompt.tokens.len().saturating_sub(1));
        let end = prompt.chunk_end(at, step).min(last);
        self.sight.run(model, prompt, cache, (end, step))?;
        let held = cache.offset().unsigned_abs() as usize;
        Ok(model.prefill(prompt.tokens.get(held..end).unwrap_or_default(), cache, step)?)
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

    /// What a reply says of places in an image of such a size, in its pixels.
    ///
    /// ```no_run
    /// # fn main() -> mlx_vlm::Result<()> {
    /// # let (model, image) = (mlx_vlm::load("m")?, mlx_vlm::mlx_image::Image::open("cat.jpg")?);
    /// let reply = r#"[{"bbox_2d": [120, 40, 380, 400], "label": "cat"}]"#;
    /// for region in model.regions(reply, image.size())? {
    ///     println!("{}: {:?}", region.label, region.place);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// The model's family writes no places, the image has no pixels, or the reply marks places that cannot be read.
    pub fn regions(&self, reply: &str, image: Size) -> Result<Vec<Region>> {
        let Some(notation) = self.sight.family().notation() else {
            let problem = "the model is not known to write places: ask Qwen-VL, PaliGemma, Gemma, InternVL, GLM-V or \
                           Florence-2 for them";
            return Err(Error::Answer(problem.into()));
        };
        if image.height == 0 || image.width == 0 {
            return Err(Error::Answer(format!("an image of {image} pixels has no places")));
        }
        notation.read(reply, &self.sight.family().view(image)?)
    }

    /// Scores `[1, length, vocabulary]` after each token of `prompt` that `cache` does not hold yet.
    ///
    /// # Errors
    /// The prompt is longer than the model's context.
    pub fn logits(&self, prompt: &Prompt, cache: &mut KvCache) -> Result<Array> {
        self.sight.logits(self.language.model(), prompt, cache)
    }
}
