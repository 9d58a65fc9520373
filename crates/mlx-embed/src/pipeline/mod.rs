//! The steps that make a vector of a text's hidden states, as `modules.json` of sentence-transformers lists them.

mod dense;
mod layer_norm;
mod pooling;

use mlx_core::{Array, Dtype, Result as MlxResult, io, keep};
use mlx_hub::Directory;
use mlx_nn::Weights;
use serde::Deserialize;
use serde_json::Value;

use self::dense::Dense;
use self::layer_norm::LayerNorm;
use self::pooling::Pooling;
use crate::encoder::parse;
use crate::{Error, Packed, Result};

/// The last part of the types of steps that can be run, the encoder itself first.
pub const KNOWN: &[&str] = &["Transformer", "Pooling", "Dense", "LayerNorm", "Normalize"];

/// What is done to hidden states.
#[derive(Debug)]
pub struct Pipeline {
    pooling: Pooling,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Dense(Dense),
    LayerNorm(LayerNorm),
    Normalize,
}

#[derive(Deserialize)]
struct Module {
    path: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Pipeline {
    /// What the checkpoint lists. Without a `modules.json`, the mean of the hidden states.
    ///
    /// # Errors
    /// A step is not known, or not where it can be, or its files are missing or damaged.
    pub fn read(directory: &Directory) -> Result<Self> {
        let mut pipeline = Self { pooling: Pooling::default(), steps: Vec::new() };
        if directory.file("modules.json").is_none() {
            return Ok(pipeline);
        }
        let modules: Vec<Module> = parse("modules.json", &directory.json("modules.json")?)?;
        for (at, Module { path, kind }) in modules.iter().enumerate() {
            match (at, kind.rsplit('.').next().unwrap_or_default()) {
                (0, "Transformer") => {}
                (1, "Pooling") => pipeline.pooling = Pooling::read(directory, path)?,
                (2.., "Dense") => pipeline.steps.push(Step::Dense(Dense::read(directory, path)?)),
                (2.., "LayerNorm") => pipeline.steps.push(Step::LayerNorm(LayerNorm::read(directory, path)?)),
                (2.., "Normalize") => pipeline.steps.push(Step::Normalize),
                (_, known) if KNOWN.contains(&known) => {
                    let problem = format!(
                        "`{known}` is step {at}: a Transformer, a Pooling and others follow each other"
                    );
                    return Err(Error::config("modules.json", problem));
                }
                _ => return Err(Error::UnknownModule { found: kind.clone(), known: KNOWN }),
            }
        }
        Ok(pipeline)
    }

    /// Whether vectors are of length 1.
    pub fn normalizes(&self) -> bool {
        matches!(self.steps.last(), Some(Step::Normalize))
    }

    /// Hidden states `[tokens, hidden]` of texts whose first `prompt` tokens are a prompt to vectors `[texts, width]`,
    /// `float32`.
    pub(crate) fn forward(&self, hidden: &Array, texts: &Packed, prompt: i32) -> MlxResult<Array> {
        let mut x = self.pooling.forward(&hidden.astype(Dtype::Float32)?, texts, prompt)?;
        for step in &self.steps {
            x = match step {
                Step::Dense(dense) => dense.forward(&x)?,
                Step::LayerNorm(norm) => norm.forward(&x)?,
                Step::Normalize => normalized(&x)?,
            };
        }
        Ok(x)
    }
}

/// What is done to the hidden states of tokens that each have a vector.
#[derive(Debug)]
pub(crate) struct TokenPipeline(Vec<Dense>);

impl TokenPipeline {
    /// What the checkpoint lists behind its encoder.
    pub(crate) fn read(directory: &Directory) -> Result<Self> {
        let modules: Vec<Module> = parse("modules.json", &directory.json("modules.json")?)?;
        let layers = modules.iter().enumerate().filter_map(|(at, Module { path, kind })| {
            match (at, kind.rsplit('.').next().unwrap_or_default()) {
                (0, "Transformer") => None,
                (1.., "Dense") => Some(Dense::read(directory, path)),
                _ => {
                    Some(Err(Error::UnknownModule { found: kind.clone(), known: &["Transformer", "Dense"] }))
                }
            }
        });
        Ok(Self(layers.collect::<Result<_>>()?))
    }

    /// `[tokens, hidden] -> [tokens, width]`.
    pub(crate) fn forward(&self, hidden: &Array) -> MlxResult<Array> {
        self.0.iter().try_fold(hidden.clone(), |x, layer| layer.forward(&x))
    }
}

/// The arrays of a step.
fn weights(directory: &Directory, path: &str) -> Result<Weights> {
    let name = format!("{path}/model.safetensors");
    let Some(file) = directory.file(&name) else {
        return Err(Error::config(name, "is missing: the step has no weights"));
    };
    Ok(Weights::new(io::load_safetensors(file)?.arrays, None))
}

/// Vectors of length 1; those of zeros stay so.
pub(crate) fn normalized(x: &Array) -> MlxResult<Array> {
    const LEAST: f32 = 1e-12;
    let length = x.square()?.sum(keep(-1))?.sqrt()?;
    x / length.maximum(LEAST)?
}

/// The fields of a step's `config.json`.
fn config<T: serde::de::DeserializeOwned>(directory: &Directory, path: &str) -> Result<T> {
    let file = format!("{path}/config.json");
    let value: Value = directory.json(&file)?;
    parse(&file, &value)
}
