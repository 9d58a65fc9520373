//! What all models of texts read from a checkpoint.

use std::collections::BTreeMap;

use mlx_core::{Dtype, eval, io};
use mlx_hub::{Checkpoint as Files, Directory, Source};
use mlx_nn::Weights;
use mlx_text::Tokenizer;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::encoder::{self, Encoder, parse};
use crate::{Error, Result};

/// The files of a checkpoint, its tokenizer, and the settings of sentence-transformers.
pub(crate) struct Checkpoint {
    pub(crate) directory: Directory,
    pub(crate) config: Value,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) settings: Settings,
    source: Source,
    limit: Option<usize>,
}

/// `config_sentence_transformers.json`.
#[derive(Default, Deserialize)]
pub(crate) struct Settings {
    #[serde(default)]
    pub(crate) prompts: BTreeMap<String, String>,
    pub(crate) default_prompt_name: Option<String>,
}

/// `sentence_bert_config.json`.
#[derive(Default, Deserialize)]
struct Limits {
    max_seq_length: Option<usize>,
    #[serde(default)]
    do_lower_case: bool,
}

/// `tokenizer_config.json`. Where there is no limit, some give `1e30`.
#[derive(Default, Deserialize)]
struct Tokens {
    model_max_length: Option<f64>,
}

impl Checkpoint {
    /// Finds the checkpoint and reads all but its weights.
    pub(crate) fn open(source: &Source) -> Result<Self> {
        // What is behind the encoder lies in folders of its own.
        let source = source.clone().include("*_*/config.json").include("*_*/model.safetensors");
        let Files::Directory(directory) = source.resolve()? else {
            return Err(Error::config("the checkpoint", "is a GGUF file: give a folder or a Hub id"));
        };
        let limits: Limits = optional(&directory, "sentence_bert_config.json")?;
        if limits.do_lower_case {
            let problem = "do_lower_case is not supported: put a normalizer into tokenizer.json";
            return Err(Error::config("sentence_bert_config.json", problem));
        }
        Ok(Self {
            config: directory.config()?,
            tokenizer: Tokenizer::from_dir(directory.path())?,
            settings: optional(&directory, "config_sentence_transformers.json")?,
            limit: limits.max_seq_length,
            directory,
            source,
        })
    }

    /// The encoder, which computes in `dtype`, or in the type of its weights.
    pub(crate) fn encoder(&self, dtype: Option<Dtype>) -> Result<Box<dyn Encoder>> {
        if encoder::is_decoder(&self.config) {
            return encoder::of_decoder(self.source.clone(), dtype);
        }
        Ok(self.encoder_with(dtype, |_| Ok(()))?.0)
    }

    /// The encoder with what `head` makes of the weights beside its own.
    pub(crate) fn encoder_with<H>(
        &self,
        dtype: Option<Dtype>,
        head: impl FnOnce(&Weights) -> Result<H>,
    ) -> Result<(Box<dyn Encoder>, H)> {
        let (encoder, head) = weights(&self.directory)?
            .with_dtype(dtype)
            .build(|w| Ok::<_, Error>((encoder::load(w, &self.config)?, head(w)?)))?;
        eval(encoder.parameters().values())?;
        Ok((encoder, head))
    }

    /// The most tokens of a text: as the checkpoint says, and as there are positions.
    pub(crate) fn longest(&self, encoder: &dyn Encoder) -> Option<usize> {
        self.limit.into_iter().chain(encoder.longest()).min()
    }

    /// As [`longest`](Self::longest), where the tokenizer has a say too, as it has for pairs of texts.
    pub(crate) fn longest_pair(&self, encoder: &dyn Encoder) -> Result<Option<usize>> {
        let Tokens { model_max_length } = optional(&self.directory, "tokenizer_config.json")?;
        let most = model_max_length.filter(|&most| (1.0..1e9).contains(&most)).map(|most| most as usize);
        Ok(most.into_iter().chain(self.longest(encoder)).min())
    }
}

/// The arrays of all shards.
pub(crate) fn weights(directory: &Directory) -> Result<Weights> {
    let mut arrays = BTreeMap::new();
    for shard in directory.shards()? {
        arrays.append(&mut io::load_safetensors(shard)?.arrays);
    }
    Ok(Weights::new(arrays, None))
}

/// The fields of `T` in a file that may be missing.
pub(crate) fn optional<T: Default + DeserializeOwned>(directory: &Directory, name: &str) -> Result<T> {
    if directory.file(name).is_none() {
        return Ok(T::default());
    }
    parse(name, &directory.json(name)?)
}
