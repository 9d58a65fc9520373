//! What the files of a Florence-2 say.

use mlx_nn::QuantizationConfig;
use serde::Deserialize;
use serde_json::Value;

use super::search::{EarlyStopping, Search};
use crate::family::parse;
use crate::{Error, Result};

/// `config.json`, as transformers writes it or as the first checkpoints have it.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) model_type: String,
    pub(super) vision_config: Vision,
    pub(super) text_config: Text,
    pub(super) quantization: Option<QuantizationConfig>,
}

/// The tower, stage by stage.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Vision {
    #[serde(alias = "in_chans")]
    pub(super) in_channels: i32,
    pub(super) depths: Vec<usize>,
    pub(super) patch_size: Vec<i32>,
    pub(super) patch_stride: Vec<i32>,
    pub(super) patch_padding: Vec<i32>,
    pub(super) patch_prenorm: Vec<bool>,
    #[serde(alias = "dim_embed")]
    pub(super) embed_dim: Vec<i32>,
    pub(super) num_heads: Vec<i32>,
    pub(super) num_groups: Vec<i32>,
    pub(super) window_size: i32,
    pub(super) mlp_ratio: f32,
    pub(super) qkv_bias: bool,
    pub(super) activation_function: String,
    pub(super) projection_dim: i32,
    max_position_embeddings: i32,
    image_pos_embed: Option<Positions>,
    pub(super) image_feature_source: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct Positions {
    max_pos_embeddings: i32,
}

/// What the decoder gets of the patches.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// Their mean.
    SpatialAvgPool,
    /// Each, over the only moment that an image has.
    #[serde(alias = "last_frame")]
    TemporalAvgPool,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            in_channels: 3,
            depths: vec![1, 1, 9, 1],
            patch_size: vec![7, 3, 3, 3],
            patch_stride: vec![4, 2, 2, 2],
            patch_padding: vec![3, 1, 1, 1],
            patch_prenorm: vec![false, true, true, true],
            embed_dim: vec![128, 256, 512, 1024],
            num_heads: vec![4, 8, 16, 32],
            num_groups: vec![4, 8, 16, 32],
            window_size: 12,
            mlp_ratio: 4.0,
            qkv_bias: true,
            activation_function: "gelu".into(),
            projection_dim: 1024,
            max_position_embeddings: 50,
            image_pos_embed: None,
            image_feature_source: vec![Source::SpatialAvgPool, Source::TemporalAvgPool],
        }
    }
}

/// The encoder and the decoder of text, with the defaults of BART.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Text {
    pub(super) vocab_size: i32,
    pub(super) max_position_embeddings: i32,
    pub(super) d_model: i32,
    pub(super) encoder_layers: usize,
    pub(super) encoder_ffn_dim: i32,
    pub(super) encoder_attention_heads: i32,
    pub(super) decoder_layers: usize,
    pub(super) decoder_ffn_dim: i32,
    pub(super) decoder_attention_heads: i32,
    pub(super) activation_function: String,
    pub(super) scale_embedding: bool,
    pub(super) pad_token_id: u32,
    pub(super) bos_token_id: u32,
    #[serde(flatten)]
    generation: Generation,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            vocab_size: 50265,
            max_position_embeddings: 1024,
            d_model: 1024,
            encoder_layers: 12,
            encoder_ffn_dim: 4096,
            encoder_attention_heads: 16,
            decoder_layers: 12,
            decoder_ffn_dim: 4096,
            decoder_attention_heads: 16,
            activation_function: "gelu".into(),
            scale_embedding: false,
            pad_token_id: 1,
            bos_token_id: 0,
            generation: Generation::default(),
        }
    }
}

/// How texts are written: in `generation_config.json`, or among the settings of the decoder.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Generation {
    num_beams: Option<usize>,
    early_stopping: Option<EarlyStopping>,
    length_penalty: Option<f32>,
    no_repeat_ngram_size: Option<usize>,
    decoder_start_token_id: Option<u32>,
    forced_bos_token_id: Option<u32>,
    forced_eos_token_id: Option<u32>,
    eos_token_id: Option<u32>,
}

/// Tokens that begin and end what the decoder writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Marks {
    pub(super) start: u32,
    /// The one that comes first.
    pub(super) first: Option<u32>,
    /// The one that is written where there is no room for another.
    pub(super) last: Option<u32>,
    pub(super) end: u32,
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let read: Self = parse(config)?;
        if read.model_type != super::NAME {
            return Err(Error::UnknownModel { found: read.model_type, known: &[super::NAME] });
        }
        read.vision_config.check()?;
        read.text_config.check()?;
        let (seen, read_width) = (read.vision_config.projection_dim, read.text_config.d_model);
        if seen != read_width {
            return Err(Error::config(format!(
                "vision_config: projection_dim is {seen}, but texts are {read_width} wide: they must be equal"
            )));
        }
        Ok(read)
    }

    /// How texts are written, by `generation_config.json` if there is one.
    pub(super) fn generation(&self, stored: Option<&Value>) -> Result<(Search, Marks)> {
        let own = &self.text_config.generation;
        let stored: Generation = match stored {
            Some(stored) => parse(stored)?,
            None => Generation::default(),
        };
        let end = stored.eos_token_id.or(own.eos_token_id).unwrap_or(2);
        let defaults = Search::default();
        let search = Search {
            beams: stored.num_beams.or(own.num_beams).unwrap_or(defaults.beams),
            early_stopping: stored.early_stopping.or(own.early_stopping).unwrap_or(defaults.early_stopping),
            length_penalty: stored.length_penalty.or(own.length_penalty).unwrap_or(defaults.length_penalty),
            no_repeat_ngram: stored
                .no_repeat_ngram_size
                .or(own.no_repeat_ngram_size)
                .unwrap_or(defaults.no_repeat_ngram),
            ..defaults
        };
        let marks = Marks {
            start: stored.decoder_start_token_id.or(own.decoder_start_token_id).unwrap_or(end),
            first: stored.forced_bos_token_id.or(own.forced_bos_token_id),
            last: stored.forced_eos_token_id.or(own.forced_eos_token_id),
            end,
        };
        for token in [Some(marks.start), marks.first, marks.last, Some(end)].into_iter().flatten() {
            if i64::from(token) >= i64::from(self.text_config.vocab_size) {
                return Err(Error::config(format!("token {token} is outside the vocabulary")));
            }
        }
        Ok((search, marks))
    }
}

impl Vision {
    fn check(&self) -> Result<()> {
        let stages = self.embed_dim.len();
        let each = [
            ("depths", self.depths.len()),
            ("patch_size", self.patch_size.len()),
            ("patch_stride", self.patch_stride.len()),
            ("patch_padding", self.patch_padding.len()),
            ("patch_prenorm", self.patch_prenorm.len()),
            ("num_heads", self.num_heads.len()),
            ("num_groups", self.num_groups.len()),
        ];
        if let Some((field, count)) = each.iter().find(|(_, count)| *count != stages) {
            return Err(fault(&format!("{field} is of {count} stages, and embed_dim of {stages}")));
        }
        if !(1..=16).contains(&stages) || self.depths.iter().sum::<usize>() > 1024 {
            return Err(fault("there must be from 1 to 16 stages of at most 1024 layers"));
        }
        within("embed_dim", &self.embed_dim, 1 << 15)?;
        within("patch_size", &self.patch_size, 1 << 6)?;
        within("patch_stride", &self.patch_stride, 1 << 6)?;
        within("num_heads", &self.num_heads, 1 << 10)?;
        within("num_groups", &self.num_groups, 1 << 15)?;
        within("in_channels", &[self.in_channels], 3)?;
        within("window_size", &[self.window_size], 1 << 10)?;
        within("projection_dim", &[self.projection_dim], 1 << 16)?;
        within("max_position_embeddings", &[self.positions()], 1 << 12)?;
        within("mlp_ratio", &[self.mlp_ratio as i32], 1 << 6)?;
        if self.patch_padding.iter().any(|padding| !(0..=64).contains(padding)) {
            return Err(fault("patch_padding must be from 0 to 64"));
        }
        let divides = |parts: &[i32]| self.embed_dim.iter().zip(parts).all(|(width, part)| width % part == 0);
        if !divides(&self.num_heads) || !divides(&self.num_groups) {
            return Err(fault("num_heads and num_groups must divide embed_dim"));
        }
        if self.in_channels != 3 || !self.qkv_bias || self.image_feature_source.is_empty() {
            return Err(fault(
                "only in_channels 3, qkv_bias true and some image_feature_source are supported",
            ));
        }
        Ok(())
    }

    /// How many rows and columns have positions.
    pub(super) fn positions(&self) -> i32 {
        self.image_pos_embed
            .as_ref()
            .map_or(self.max_position_embeddings, |positions| positions.max_pos_embeddings)
    }

    /// The width of the last stage.
    pub(super) fn width(&self) -> i32 {
        self.embed_dim.last().copied().unwrap_or_default()
    }
}

impl Text {
    fn check(&self) -> Result<()> {
        for (field, size, most) in [
            ("vocab_size", self.vocab_size, 1 << 24),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 24),
            ("d_model", self.d_model, 1 << 16),
            ("encoder_ffn_dim", self.encoder_ffn_dim, 1 << 18),
            ("decoder_ffn_dim", self.decoder_ffn_dim, 1 << 18),
            ("encoder_attention_heads", self.encoder_attention_heads, 1 << 10),
            ("decoder_attention_heads", self.decoder_attention_heads, 1 << 10),
        ] {
            if !(1..=most).contains(&size) {
                let problem = format!("text_config: {field} is {size}: it must be from 1 to {most}");
                return Err(Error::config(problem));
            }
        }
        let divides = |heads: i32| self.d_model % heads == 0;
        if !divides(self.encoder_attention_heads) || !divides(self.decoder_attention_heads) {
            return Err(Error::config("text_config: attention heads must divide d_model"));
        }
        if self.encoder_layers.max(self.decoder_layers) > 1024 || self.decoder_layers == 0 {
            return Err(Error::config("text_config: there must be from 1 to 1024 layers"));
        }
        Ok(())
    }
}

fn within(field: &str, sizes: &[i32], most: i32) -> Result<()> {
    match sizes.iter().find(|size| !(1..=most).contains(*size)) {
        Some(size) => Err(fault(&format!("{field} has {size}: it must be from 1 to {most}"))),
        None => Ok(()),
    }
}

fn fault(problem: &str) -> Error {
    Error::config(format!("vision_config: {problem}"))
}
