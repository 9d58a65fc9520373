//! Whisper's checkpoints: those of transformers, of MLX and of CTranslate2.

mod ct2;
mod names;

use std::collections::BTreeMap;

use mlx_core::{Array, io};
use mlx_hub::{Directory, Source};
use mlx_nn::{QuantizationConfig, Weights};
use mlx_text::Tokenizer;
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Result, checkpoint};

pub(super) use names::KERNEL;

/// The files of a checkpoint.
pub(super) struct Files {
    pub(super) config: Value,
    pub(super) tokenizer: Tokenizer,
    arrays: BTreeMap<String, Array>,
    heads: Option<Vec<[i32; 2]>>,
}

/// What `config.json` of CTranslate2 and `generation_config.json` of transformers say of heads that follow the sound.
#[derive(Default, Deserialize)]
struct Heads {
    alignment_heads: Option<Vec<[i32; 2]>>,
}

impl Files {
    /// Reads a checkpoint, but for the elements of its arrays.
    pub(super) fn open(source: &Source) -> Result<Self> {
        let source =
            source.clone().include("model.bin").include("weights.npz").include("weights.safetensors");
        let directory = checkpoint::directory(&source)?;
        let config = directory.config()?;
        let arrays = names::unify(arrays(&directory)?)?;
        let mut heads = heads(&config)?;
        if heads.is_none()
            && let Some(generation) = directory.generation_config()?
        {
            heads = self::heads(&generation)?;
        }
        if heads.is_none()
            && let Some(stored) = arrays.get(HEADS)
        {
            let stored = stored.astype(mlx_core::Dtype::Int32)?.to_vec::<i32>()?;
            heads = Some(stored.as_chunks::<2>().0.to_vec());
        }
        Ok(Self { config, tokenizer: Tokenizer::from_dir(directory.path())?, arrays, heads })
    }

    /// The weights, quantized as the config says.
    pub(super) fn weights(&mut self) -> Result<Weights> {
        #[derive(Default, Deserialize)]
        struct Quantized {
            quantization: Option<QuantizationConfig>,
        }
        let Quantized { quantization } = parse(&self.config)?;
        let weights = Weights::new(std::mem::take(&mut self.arrays), quantization);
        weights.ignore(|name| name == HEADS);
        Ok(weights)
    }

    /// The heads (layer, head) that follow the sound; in a model that does not say, all of the later half.
    pub(super) fn heads(&self, [layers, heads]: [i32; 2]) -> Result<Vec<[i32; 2]>> {
        let all = (layers / 2..layers).flat_map(|layer| (0..heads).map(move |head| [layer, head]));
        let chosen = self.heads.clone().unwrap_or_else(|| all.collect());
        match chosen.iter().find(|[layer, head]| !(0..layers).contains(layer) || !(0..heads).contains(head)) {
            Some(none) => {
                Err(Error::config("alignment_heads", format!("{none:?} is not a layer and a head")))
            }
            None => Ok(chosen),
        }
    }
}

/// What MLX's checkpoints call the heads that follow the sound.
const HEADS: &str = "alignment_heads";

fn parse<T: serde::de::DeserializeOwned>(config: &Value) -> Result<T> {
    serde_json::from_value(config.clone()).map_err(|error| Error::config("config.json", error.to_string()))
}

fn heads(config: &Value) -> Result<Option<Vec<[i32; 2]>>> {
    Ok(parse::<Heads>(config)?.alignment_heads.filter(|heads| !heads.is_empty()))
}

fn arrays(directory: &Directory) -> Result<BTreeMap<String, Array>> {
    if let Some(path) = directory.file("model.bin") {
        return ct2::load(&path);
    }
    for name in ["weights.safetensors", "weights.npz"] {
        if let Some(path) = directory.file(name)
            && let io::Loaded::Arrays(arrays) = io::load(path)?
        {
            return Ok(arrays);
        }
    }
    checkpoint::arrays(directory)
}
