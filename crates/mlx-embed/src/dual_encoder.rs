//! A model of texts and images with its tokenizer: vectors of both that can be compared.

use mlx_core::{Array, Dtype, concatenate, eval};
use mlx_hub::{Checkpoint, Directory, Source};
use mlx_image::{Image, PatchProcessor, Patches, Processor};
use mlx_nn::Module;
use mlx_text::Tokenizer;
use serde_json::Value;

use crate::checkpoint::{optional, weights};
use crate::pipeline::normalized;
use crate::towers::{Family, Towers};
use crate::{Error, Result};

/// A model that makes vectors of texts and of images: CLIP, SigLIP, SigLIP 2.
///
/// ```no_run
/// use mlx_embed::{DualEncoder, mlx_hub::Source, mlx_image::Image};
///
/// # fn main() -> mlx_embed::Result<()> {
/// let model = DualEncoder::load(&Source::parse("openai/clip-vit-large-patch14")?, None)?;
/// let texts = model.embed_texts(&["a photo of a cat", "a photo of a dog"])?;
/// let images = model.embed_images(&[Image::open("cat.jpg")?])?;
/// println!("{:?}", model.probabilities(&texts, &images)?.to_vec::<f32>()?);
/// # Ok(()) }
/// ```
pub struct DualEncoder {
    towers: Towers,
    tokenizer: Tokenizer,
    images: Images,
    texts: Texts,
}

/// How images become patches.
enum Images {
    Whole(Processor),
    Flexible(PatchProcessor),
}

/// What is done to a text before it becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    AsTheyAre,
    Lower,
    /// In lower case, without punctuation, with single spaces.
    Bare,
}

/// The most tokens or patches that run together.
const BATCH: usize = 1024;

impl DualEncoder {
    /// Whether this is the `config.json` of such a model.
    pub fn reads(config: &Value) -> bool {
        Family::of(config).is_some()
    }

    /// Loads a model, which computes in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// The checkpoint is not found, is damaged, or has a part that is not supported.
    pub fn load(source: &Source, dtype: Option<Dtype>) -> Result<Self> {
        let Checkpoint::Directory(directory) = source.resolve()? else {
            return Err(Error::config("the checkpoint", "is a GGUF file: give a folder or a Hub id"));
        };
        let config = directory.config()?;
        let mut towers = Towers::build(&config, weights(&directory)?.with_dtype(dtype))?;
        eval(towers.parameters().values())?;
        let tokenizer = Tokenizer::from_dir(directory.path())?;
        if let Some(token) = padding(&directory, &tokenizer)? {
            towers.text = towers.text.padded_with(token);
        }
        let images = match towers.family() {
            Family::Siglip2 => Images::Flexible(PatchProcessor::from_dir(directory.path())?),
            Family::Clip | Family::Siglip => Images::Whole(Processor::from_dir(directory.path())?),
        };
        let texts = Texts::of(towers.family(), &directory)?;
        Ok(Self { towers, tokenizer, images, texts })
    }

    /// The towers alone.
    pub fn towers(&self) -> &Towers {
        &self.towers
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Vectors `[texts, width]` of length 1, `float32`, in the order of the texts. Of a text that is longer than the model
    /// takes the first tokens count.
    pub fn embed_texts<T: AsRef<str>>(&self, texts: &[T]) -> Result<Array> {
        let longest = self.towers.text.longest();
        let (mut vectors, mut batch, mut length) = (Vec::new(), Vec::new(), 0);
        for text in texts {
            let tokens = self.tokenizer.encode_up_to(&self.texts.prepare(text.as_ref()), Some(longest))?;
            if !batch.is_empty() && length.max(tokens.len()) * (batch.len() + 1) > BATCH {
                vectors.push(self.text_vectors(&batch)?);
                batch.clear();
                length = 0;
            }
            length = length.max(tokens.len());
            batch.push(tokens);
        }
        vectors.push(self.text_vectors(&batch)?);
        Ok(concatenate(&vectors, 0)?)
    }

    /// Vectors `[images, width]` of length 1, `float32`, in the order of the images.
    ///
    /// # Errors
    /// The checkpoint's processor makes images of another size than the model takes.
    pub fn embed_images(&self, images: &[Image]) -> Result<Array> {
        let (mut vectors, mut batch) = (Vec::new(), Vec::<Patches>::new());
        for image in images {
            let patches = self.patches(image)?;
            let fits =
                |first: &Patches| first.grid == patches.grid && patches.count() * (batch.len() + 1) <= BATCH;
            if !batch.first().is_none_or(fits) {
                vectors.push(self.image_vectors(&batch)?);
                batch.clear();
            }
            batch.push(patches);
        }
        vectors.push(self.image_vectors(&batch)?);
        Ok(concatenate(&vectors, 0)?)
    }

    /// How well each of the texts `[texts, width]` suits each of the images `[images, width]`: `[images, texts]`.
    pub fn logits(&self, texts: &Array, images: &Array) -> Result<Array> {
        Ok(self.towers.logits(texts, images)?)
    }

    /// [`logits`](Self::logits) as probabilities: CLIP asks which of the texts is that of an image, so those of an image
    /// are 1 together; SigLIP asks for each pair whether it is one.
    pub fn probabilities(&self, texts: &Array, images: &Array) -> Result<Array> {
        Ok(self.towers.probabilities(texts, images)?)
    }

    /// The patches of an image, as the checkpoint's processor makes them.
    fn patches(&self, image: &Image) -> Result<Patches> {
        Ok(match &self.images {
            Images::Whole(processor) => Patches::cut(&processor.apply(image)?, self.towers.image.patch())?,
            Images::Flexible(processor) => processor.apply(image)?,
        })
    }

    fn text_vectors(&self, batch: &[Vec<u32>]) -> Result<Array> {
        if batch.is_empty() {
            return self.none();
        }
        let texts: Vec<_> = batch.iter().map(Vec::as_slice).collect();
        finished(&self.towers.text.forward(&texts)?)
    }

    fn image_vectors(&self, batch: &[Patches]) -> Result<Array> {
        if batch.is_empty() { self.none() } else { finished(&self.towers.image.forward(batch)?) }
    }

    /// No vectors.
    fn none(&self) -> Result<Array> {
        Ok(Array::zeros([0, self.towers.width()], Dtype::Float32)?)
    }
}

impl Texts {
    /// What a family's models are trained on.
    fn of(family: Family, directory: &Directory) -> Result<Self> {
        let class: Value = optional(directory, "tokenizer_config.json")?;
        let class = class.get("tokenizer_class").and_then(Value::as_str).unwrap_or_default();
        Ok(match family {
            Family::Clip => Self::AsTheyAre,
            _ if class.starts_with("SiglipTokenizer") => Self::Bare,
            _ => Self::Lower,
        })
    }

    fn prepare(self, text: &str) -> String {
        match self {
            Self::AsTheyAre => text.to_owned(),
            Self::Lower => text.to_lowercase(),
            Self::Bare => {
                let lower = text.to_lowercase();
                let bare: String = lower.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
                bare.split_whitespace().collect::<Vec<_>>().join(" ")
            }
        }
    }
}

/// Vectors of length 1, computed.
fn finished(vectors: &Array) -> Result<Array> {
    let vectors = normalized(&vectors.astype(Dtype::Float32)?)?;
    vectors.eval()?;
    Ok(vectors)
}

/// The token that the tokenizer pads with.
fn padding(directory: &Directory, tokenizer: &Tokenizer) -> Result<Option<u32>> {
    for file in ["tokenizer_config.json", "special_tokens_map.json"] {
        let config: Value = optional(directory, file)?;
        let token = config.get("pad_token");
        let spelled = token.and_then(|token| token.as_str().or_else(|| token.get("content")?.as_str()));
        if let Some(id) = spelled.and_then(|token| tokenizer.id(token)) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_prepared_as_models_are_trained() {
        let text = " A Photo,  of\ta CAT! ";
        assert_eq!(Texts::AsTheyAre.prepare(text), text);
        assert_eq!(Texts::Lower.prepare(text), " a photo,  of\ta cat! ");
        assert_eq!(Texts::Bare.prepare(text), "a photo of a cat");
    }
}
