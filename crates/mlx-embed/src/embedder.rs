//! A model with its tokenizer: texts in, vectors out.

use mlx_core::{Array, Dtype, concatenate};
use mlx_hub::Source;
use mlx_text::Tokenizer;

use crate::batch::batches;
use crate::checkpoint::{Checkpoint, Settings};
use crate::encoder::Encoder;
use crate::pipeline::{Pipeline, normalized};
use crate::{Error, Packed, Result};

/// A model that makes vectors of texts.
pub struct Embedder {
    encoder: Box<dyn Encoder>,
    pipeline: Pipeline,
    tokenizer: Tokenizer,
    settings: Settings,
    longest: Option<usize>,
}

/// How to embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The name of the prompt that is put before each text; the checkpoint's default one, if it has any, without it.
    pub prompt: Option<String>,
    /// Keep so many of the first elements, for models that are trained for that (Kusupati et al., "Matryoshka
    /// Representation Learning"). Where the checkpoint normalises vectors, what is left is normalised again.
    pub dimensions: Option<usize>,
    /// The most tokens that run together: more need more memory.
    pub batch_tokens: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { prompt: None, dimensions: None, batch_tokens: 512 }
    }
}

/// Loads a model from a folder or a Hub id.
pub fn load(source: &str) -> Result<Embedder> {
    Embedder::load(&Source::parse(source)?, None)
}

impl Embedder {
    /// Loads a model, which computes in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// The checkpoint is not found, is damaged, or has a part that is not supported.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let checkpoint = Checkpoint::open(source)?;
        let encoder = checkpoint.encoder(dtype)?;
        Ok(Self {
            pipeline: Pipeline::read(&checkpoint.directory)?,
            longest: checkpoint.longest(encoder.as_ref()),
            tokenizer: checkpoint.tokenizer,
            settings: checkpoint.settings,
            encoder,
        })
    }

    /// The encoder alone.
    pub fn encoder(&self) -> &dyn Encoder {
        self.encoder.as_ref()
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The longest text in tokens; of a longer one the first tokens count.
    pub fn longest(&self) -> Option<usize> {
        self.longest
    }

    /// Vectors `[texts, width]` of texts, `float32`, in their order.
    ///
    /// # Errors
    /// There is no prompt of that name, or vectors have fewer elements than `dimensions`.
    pub fn embed<T: AsRef<str>>(&self, texts: &[T], options: &Options) -> Result<Array> {
        let prompt = self.prompt(options.prompt.as_deref())?;
        let tokens = texts
            .iter()
            .map(|text| {
                Ok(self.tokenizer.encode_up_to(&format!("{prompt}{}", text.as_ref()), self.longest)?)
            })
            .collect::<Result<Vec<_>>>()?;
        let of_prompt = if prompt.is_empty() { 0 } else { self.prompt_tokens(prompt)? };
        let vectors = self.embed_tokens(&tokens, of_prompt, options.batch_tokens)?;
        match options.dimensions {
            Some(dimensions) => self.cut(&vectors, dimensions),
            None => Ok(vectors),
        }
    }

    /// Vectors of token ids, which are those of whole texts with what the tokenizer puts around them. The first `prompt`
    /// tokens of each are a prompt.
    fn embed_tokens(&self, texts: &[Vec<u32>], prompt: i32, batch_tokens: usize) -> Result<Array> {
        let lengths: Vec<_> = texts.iter().map(Vec::len).collect();
        let (mut order, mut vectors) = (Vec::with_capacity(texts.len()), Vec::new());
        for batch in batches(&lengths, batch_tokens) {
            let packed = Packed::new(batch.iter().filter_map(|&at| texts.get(at)).map(Vec::as_slice));
            let found = self.pipeline.forward(&self.encoder.forward(&packed)?, &packed, prompt)?;
            found.eval()?;
            vectors.push(found);
            order.extend(batch);
        }
        in_order(&order, vectors, texts.len())
    }

    fn cut(&self, vectors: &Array, dimensions: usize) -> Result<Array> {
        let width = vectors.dim(-1)?;
        let Some(kept) = i32::try_from(dimensions).ok().filter(|kept| (1..=width).contains(kept)) else {
            let value = i64::try_from(dimensions).unwrap_or(i64::MAX);
            let range = format!("vectors have {width} elements, of which 1 at least is kept");
            return Err(Error::Option { option: "dimensions", value, range });
        };
        let vectors = vectors.index((.., ..kept))?;
        Ok(if self.pipeline.normalizes() { normalized(&vectors)? } else { vectors })
    }

    /// What is put before a text.
    fn prompt(&self, name: Option<&str>) -> Result<&str> {
        let Some(name) = name.or(self.settings.default_prompt_name.as_deref()) else { return Ok("") };
        self.settings.prompts.get(name).map(String::as_str).ok_or_else(|| Error::UnknownPrompt {
            found: name.to_owned(),
            known: self.settings.prompts.keys().cloned().collect(),
        })
    }

    /// How many tokens a prompt is, with what is put before a text, as sentence-transformers counts them.
    fn prompt_tokens(&self, prompt: &str) -> Result<i32> {
        let tokens = self.tokenizer.encode(prompt, true)?;
        let ends = tokens.last().is_some_and(|&last| self.tokenizer.is_special(last));
        Ok(i32::try_from(tokens.len() - usize::from(ends)).unwrap_or(i32::MAX))
    }
}

/// Vectors of the texts that `order` names, put in their places. Texts without tokens have zeros.
fn in_order(order: &[usize], mut vectors: Vec<Array>, count: usize) -> Result<Array> {
    let width = vectors.first().map_or(Ok(0), |vectors| vectors.dim(-1))?;
    let size = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    vectors.push(Array::zeros([1, width], Dtype::Float32)?);
    let mut places = vec![size(order.len()); count];
    for (from, &to) in (0..).zip(order) {
        if let Some(place) = places.get_mut(to) {
            *place = from;
        }
    }
    Ok(concatenate(&vectors, 0)?.take(&Array::from_slice(&places, [size(count)])?, 0)?)
}
