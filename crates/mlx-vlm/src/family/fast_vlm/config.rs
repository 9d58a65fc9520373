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
    /// Negative in checkpoints of the authors, whose tokenizers know no such token.
    #[serde(alias = "image_token_id")]
    image_token_index: Option<i64>,
    #[serde(default = "gelu")]
    projector_hidden_act: String,
    #[serde(default = "yes")]
    multimodal_projector_bias: bool,
    #[serde(default)]
    model_type: String,
    vocab_size: Option<u32>,
    image_aspect_ratio: Option<String>,
    mm_projector_type: Option<String>,
    #[serde(default)]
    mm_vision_tower: String,
    /// As the config has them; the authors' has none.
    #[serde(skip)]
    pub(super) stages: Vec<Stage>,
    #[serde(skip)]
    text_width: i32,
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
        read.text_width = text_width(config)?;
        if read.is_of_authors() {
            read.check_authors()?;
            return Ok(read);
        }
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
        Ok(read)
    }

    /// Whether the checkpoint is as the model's authors have it.
    pub(super) fn is_of_authors(&self) -> bool {
        self.model_type == "llava_qwen2"
    }

    fn check_authors(&self) -> Result<()> {
        match self.mm_projector_type.as_deref() {
            None | Some("mlp2x_gelu") => Ok(()),
            Some(other) => Err(Error::config(format!(
                "mm_projector_type is `{other}`: it must be `mlp2x_gelu`, two layers with an activation between them"
            ))),
        }
    }

    /// What stands for a vector of an image. Where no token does, it is the last of the vocabulary, which no text has.
    pub(super) fn image_token(&self) -> u32 {
        let given = self.image_token_index.and_then(|token| u32::try_from(token).ok());
        let default =
            if self.is_of_authors() { self.vocab_size.unwrap_or(151_936).saturating_sub(1) } else { 151_646 };
        given.unwrap_or(default)
    }

    /// Whether images become square with black beside them: LLaVA's `pad`.
    pub(super) fn squares(&self) -> bool {
        self.image_aspect_ratio.as_deref() == Some("pad")
    }

    /// The edge of what the authors' tower sees, which its name ends in: `mobileclip_l_1024`.
    pub(super) fn edge(&self) -> usize {
        let edge = self.mm_vision_tower.rsplit('_').next().and_then(|edge| edge.parse().ok());
        edge.filter(|edge| (1..=1 << 13).contains(edge)).unwrap_or(1024)
    }

    /// From a tower whose last stage is so wide to the decoder.
    pub(super) fn connector(&self, deepest: i32) -> Result<Connector> {
        Ok(Connector {
            widths: [2 * deepest, self.text_width, self.text_width],
            bias: self.multimodal_projector_bias,
            activation: Activation::named(&self.projector_hidden_act)?,
        })
    }
}

fn stage(at: usize, blocks: usize, width: i32, ratio: f32) -> Result<Stage> {
    let inner = (width as f32 * ratio) as i32;
    Stage { blocks, width, inner, attends: at + 2 >= STAGES }.checked()
}

impl Stage {
    /// This, if it can be.
    pub(super) fn checked(self) -> Result<Self> {
        let Self { blocks, width, inner, attends } = self;
        bounded("model_args", &[("embed_dims", width, 1 << 14), ("mlp_ratios", inner, 1 << 18)])?;
        if blocks > 1024 || (attends && width % super::block::HEAD != 0) {
            let problem = format!(
                "model_args: a stage of {blocks} layers, {width} wide: at most 1024, and those that attend are wide by a \
                 multiple of {}",
                super::block::HEAD
            );
            return Err(Error::config(problem));
        }
        Ok(self)
    }
}
