//! What the config of a FastVLM says.

use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::Value;

use crate::family::parse;
use crate::family::tiled::{Connector, bounded, text_width};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    vision_config: Vision,
    #[serde(default = "image_token_index", alias = "image_token_id")]
    pub(super) image_token_index: u32,
    #[serde(default = "gelu")]
    projector_hidden_act: String,
    #[serde(default = "yes")]
    multimodal_projector_bias: bool,
    #[serde(skip)]
    pub(super) stages: Vec<Stage>,
    #[serde(skip)]
    text_width: i32,
}

fn image_token_index() -> u32 {
    151_646
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn yes() -> bool {
    true
}

/// The tower by the name of timm.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Vision {
    architecture: String,
    model_args: Sizes,
}

impl Default for Vision {
    fn default() -> Self {
        Self { architecture: "fastvit_mci3".to_owned(), model_args: Sizes::default() }
    }
}

/// What differs from what the name says.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Sizes {
    layers: Option<Vec<usize>>,
    embed_dims: Option<Vec<i32>>,
    mlp_ratios: Option<Vec<f32>>,
    inference_mode: Option<bool>,
}

/// A part of the tower in which an image has one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stage {
    pub(super) blocks: usize,
    pub(super) width: i32,
    /// The width within the layers of a block.
    pub(super) inner: i32,
    /// Whether places see each other, and have a layer for where they are.
    pub(super) attends: bool,
}

/// How many stages there are, of which the last two attend.
const STAGES: usize = 5;

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let mut read: Self = parse(config)?;
        let Vision { architecture, model_args } = &read.vision_config;
        let (layers, widths) = match architecture.as_str() {
            "fastvit_mci3" => ([2, 12, 24, 4, 2], [96, 192, 384, 768, 1536]),
            "fastvit_mci4" => ([2, 12, 24, 4, 4], [128, 256, 512, 1024, 2048]),
            other => {
                let problem = format!("vision_config: architecture `{other}` is not supported");
                return Err(Error::config(problem));
            }
        };
        if model_args.inference_mode == Some(false) {
            return Err(Error::config(
                "vision_config: model_args says of a tower in training: inference_mode must be true",
            ));
        }
        let layers = model_args.layers.clone().unwrap_or_else(|| layers.to_vec());
        let widths = model_args.embed_dims.clone().unwrap_or_else(|| widths.to_vec());
        let ratios = model_args.mlp_ratios.clone().unwrap_or_else(|| vec![4.0; STAGES]);
        if [layers.len(), widths.len(), ratios.len()] != [STAGES; 3] {
            return Err(Error::config(format!(
                "vision_config: model_args does not describe {STAGES} stages"
            )));
        }
        let sizes = layers.into_iter().zip(widths).zip(ratios).enumerate();
        read.stages = sizes
            .map(|(at, ((blocks, width), ratio))| stage(at, blocks, width, ratio))
            .collect::<Result<_>>()?;
        read.text_width = text_width(config)?;
        Ok(read)
    }

    pub(super) fn connector(&self) -> Result<Connector> {
        Ok(Connector {
            widths: [2 * self.stages.last().map_or(0, |stage| stage.width), self.text_width, self.text_width],
            bias: self.multimodal_projector_bias,
            activation: Activation::named(&self.projector_hidden_act)?,
        })
    }
}

fn stage(at: usize, blocks: usize, width: i32, ratio: f32) -> Result<Stage> {
    let inner = (width as f32 * ratio) as i32;
    bounded("model_args", &[("embed_dims", width, 1 << 14), ("mlp_ratios", inner, 1 << 18)])?;
    let attends = at + 2 >= STAGES;
    if blocks > 1024 || (attends && width % super::block::HEAD != 0) {
        let problem = format!(
            "model_args: a stage of {blocks} layers, {width} wide: at most 1024, and those that attend are wide by a \
             multiple of {}",
            super::block::HEAD
        );
        return Err(Error::config(problem));
    }
    Ok(Stage { blocks, width, inner, attends })
}
