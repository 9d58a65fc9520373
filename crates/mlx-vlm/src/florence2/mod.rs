//! Florence-2: questions of fixed kinds about an image, answered with texts, boxes and outlines.
//!
//! Xiao et al., "Florence-2: Advancing a Unified Representation for a Variety of Vision Tasks". An encoder reads the
//! image and the question, and a decoder of its own writes the answer, so that this is no
//! [`VisionLanguageModel`](crate::VisionLanguageModel):
//!
//! ```no_run
//! use mlx_vlm::florence2::{Florence2, Task, TaskKind};
//! use mlx_vlm::{mlx_hub::Source, mlx_image::Image};
//!
//! fn main() -> mlx_vlm::Result<()> {
//!     let model = Florence2::load(Source::parse("florence-community/Florence-2-base")?, None)?;
//!     let answer = model.ask(&Image::open("cars.jpg")?, &Task::new(TaskKind::ObjectDetection))?;
//!     for region in answer.regions {
//!         println!("{}: {:?}", region.label, region.shape);
//!     }
//!     Ok(())
//! }
//! ```

mod answer;
mod bart;
mod config;
mod davit;
mod eye;
mod names;
mod projector;
mod search;
mod task;

use std::collections::BTreeMap;

use mlx_core::{Array, Dtype, concatenate, eval, io};
use mlx_hub::{Checkpoint, Directory, Source};
use mlx_image::Image;
use mlx_nn::{Module, Weights};
use mlx_text::Tokenizer;
use serde::Deserialize;

pub use self::answer::{Answer, Region, Shape};
use self::bart::Bart;
use self::config::{Config, Marks};
use self::eye::Eye;
pub use self::search::{EarlyStopping, Search};
pub use self::task::{Task, TaskKind};
use crate::features::Features;
use crate::{Error, Media, Result};

/// The `model_type`.
pub const NAME: &str = "florence2";

/// A model with its tokenizer.
pub struct Florence2 {
    eye: Eye,
    bart: Bart,
    tokenizer: Tokenizer,
    features: Features,
    search: Search,
    marks: Marks,
    /// Tokens around a question, and one that fills.
    around: [u32; 3],
    longest: usize,
    /// Phrases of captions that are no things.
    banned: Vec<String>,
}

/// `processor_config.json`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProcessorFile {
    post_processor_config: PostProcessor,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PostProcessor {
    phrase_grounding: Grounding,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Grounding {
    banned_grounding_tokens: Vec<String>,
}

impl Florence2 {
    /// Loads a checkpoint, to compute in `dtype`, or in the type of its weights.
    ///
    /// # Errors
    /// A file is missing or damaged, it is no Florence-2, or the weights do not fit the config.
    pub fn load(source: Source, dtype: Option<Dtype>) -> Result<Self> {
        let Checkpoint::Directory(directory) = source.resolve()? else {
            return Err(Error::config("a GGUF file holds no images' side: give a folder or a Hub id"));
        };
        let config = Config::read(&directory.config()?)?;
        let (search, marks) = config.generation(directory.generation_config()?.as_ref())?;
        let weights = Weights::new(names::unify(arrays(&directory)?)?, config.quantization.clone());
        let (eye, bart) = weights.with_dtype(dtype).build(|w| -> Result<_> {
            Ok((Eye::load(w, &config.vision_config, directory.path())?, Bart::load(w, &config.text_config)?))
        })?;
        eval(eye.parameters().values().chain(bart.parameters().values()))?;
        let text = &config.text_config;
        Ok(Self {
            eye,
            bart,
            tokenizer: Tokenizer::from_dir(directory.path())?,
            features: Features::new(),
            search,
            marks,
            around: [text.bos_token_id, marks.end, text.pad_token_id],
            longest: text.max_position_embeddings.unsigned_abs() as usize,
            banned: banned(&directory)?,
        })
    }

    /// How texts are looked for, if nothing else is said: as the checkpoint has it.
    pub fn search(&self) -> &Search {
        &self.search
    }

    /// What the tower made of images, kept for further questions.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The answer to a question about an image.
    ///
    /// # Errors
    /// The question lacks what it is about, or is longer than the encoder takes.
    pub fn ask(&self, image: &Image, task: &Task) -> Result<Answer> {
        self.ask_with(image, task, &self.search)
    }

    /// As [`ask`](Self::ask), looked for in another way.
    pub fn ask_with(&self, image: &Image, task: &Task, search: &Search) -> Result<Answer> {
        let tokens = self.tokens(image, task, search)?;
        let words: Vec<u32> = tokens.into_iter().filter(|token| !self.around.contains(token)).collect();
        let text = self.tokenizer.decode(&words, false)?;
        let mut answer = Answer::read(task.kind(), &text, image.size());
        if task.kind() == TaskKind::PhraseGrounding {
            answer.regions.retain(|region| !self.banned.contains(&region.label));
        }
        Ok(answer)
    }

    /// The tokens of an answer, to its end.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn tokens(&self, image: &Image, task: &Task, search: &Search) -> Result<Vec<u32>> {
        let written = self.bart.about(&self.encode(image, task)?)?;
        // The token that begins the text has a position, too.
        let search =
            Search { max_tokens: search.max_tokens.min(self.longest.saturating_sub(1)), ..search.clone() };
        search.run(&self.bart, written, self.marks)
    }

    /// What the encoder makes of an image and a question about it, `[1, length, width]`.
    ///
    /// # Errors
    /// As [`ask`](Self::ask).
    pub fn encode(&self, image: &Image, task: &Task) -> Result<Array> {
        let seen = self.features.of(&Media::from(image.clone()), false, &self.eye)?;
        let [begin, end, _] = self.around;
        let mut question = vec![begin];
        question.extend(self.tokenizer.encode(&task.words()?, false)?);
        question.push(end);
        let length = seen.about.tokens + question.len();
        if length > self.longest {
            let problem = format!(
                "the image and the question are {length} tokens, and the model takes {}: ask less",
                self.longest
            );
            return Err(Error::Prompt(problem));
        }
        let vectors = self.features.vectors(&seen, &self.eye)?.expand_dims(0)?;
        let text = self.bart.embed(&question)?;
        let vectors = vectors.astype(text.dtype())?;
        Ok(self.bart.encode(&concatenate([&vectors, &text], 1)?)?)
    }

    /// Scores `[1, length, vocabulary]` of what follows each of `tokens`, which the decoder has written about `encoded`.
    ///
    /// # Errors
    /// There are no tokens, or more than there are positions.
    pub fn logits(&self, encoded: &Array, tokens: &[u32]) -> Result<Array> {
        if tokens.is_empty() || tokens.len() > self.longest {
            let problem =
                format!("the decoder takes from 1 to {} tokens, not {}", self.longest, tokens.len());
            return Err(Error::Prompt(problem));
        }
        let tokens = Array::from_slice(tokens, [1, i32::try_from(tokens.len()).unwrap_or(i32::MAX)])?;
        Ok(self.bart.decode(&tokens, &mut self.bart.about(encoded)?)?)
    }
}

fn banned(directory: &Directory) -> Result<Vec<String>> {
    let file = "processor_config.json";
    if directory.file(file).is_none() {
        return Ok(Vec::new());
    }
    let read = ProcessorFile::deserialize(directory.json(file)?)
        .map_err(|error| Error::Config { file: file.into(), problem: error.to_string() })?;
    Ok(read.post_processor_config.phrase_grounding.banned_grounding_tokens)
}

/// The arrays of all shards.
fn arrays(directory: &Directory) -> Result<BTreeMap<String, Array>> {
    let mut arrays = BTreeMap::new();
    for shard in directory.shards()? {
        arrays.append(&mut io::load_safetensors(shard)?.arrays);
    }
    Ok(arrays)
}
