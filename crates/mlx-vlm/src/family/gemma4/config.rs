//! What the config of a Gemma 4 says.

use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::Value;

use crate::family::parse;
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) vision_config: Vision,
    #[serde(default = "image_token_id")]
    pub(super) image_token_id: u32,
    #[serde(default = "video_token_id")]
    pub(super) video_token_id: u32,
    #[serde(default)]
    text_config: Decoder,
}

/// What is read of the decoder's.
#[derive(Debug, Default, Deserialize)]
struct Decoder {
    use_bidirectional_attention: Option<String>,
}

fn image_token_id() -> u32 {
    258_880
}

fn video_token_id() -> u32 {
    258_884
}

/// The tower, with the defaults of transformers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Vision {
    pub(super) hidden_size: i32,
    pub(super) intermediate_size: i32,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: i32,
    pub(super) num_key_value_heads: i32,
    pub(super) head_dim: i32,
    hidden_activation: String,
    pub(super) rms_norm_eps: f32,
    rope_parameters: Option<Rope>,
    pub(super) pooling_kernel_size: i32,
    pub(super) patch_size: i32,
    pub(super) position_embedding_size: i32,
    pub(super) use_clipped_linears: bool,
    pub(super) standardize: bool,
}

#[derive(Clone, Debug, Deserialize)]
struct Rope {
    rope_theta: Option<f32>,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 16,
            num_attention_heads: 12,
            num_key_value_heads: 12,
            head_dim: 64,
            hidden_activation: "gelu_pytorch_tanh".to_owned(),
            rms_norm_eps: 1e-6,
            rope_parameters: None,
            pooling_kernel_size: 3,
            patch_size: 16,
            position_embedding_size: 10 * 1024,
            use_clipped_linears: false,
            standardize: false,
        }
    }
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let read: Self = parse(config)?;
        read.vision_config.check()?;
        Ok(read)
    }

    /// Whether tokens of an image see each other.
    pub(super) fn sees_together(&self) -> bool {
        self.text_config.use_bidirectional_attention.as_deref() == Some("vision")
    }
}

impl Vision {
    fn check(&self) -> Result<()> {
        for (field, size, most) in [
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 12),
            ("pooling_kernel_size", self.pooling_kernel_size, 1 << 6),
            ("patch_size", self.patch_size, 1 << 8),
            ("position_embedding_size", self.position_embedding_size, 1 << 20),
        ] {
            if !(1..=most).contains(&size) {
                let problem = format!("vision_config: {field} is {size}: it must be from 1 to {most}");
                return Err(Error::config(problem));
            }
        }
        let (heads, keys) = (self.num_attention_heads, self.num_key_value_heads);
        if self.num_hidden_layers > 1024 || self.head_dim % 4 != 0 || heads % keys != 0 {
            let (layers, width) = (self.num_hidden_layers, self.head_dim);
            let problem = format!(
                "vision_config: {layers} layers, {heads} heads for {keys} of keys, {width} wide: at most 1024, heads a \
                 multiple of those of keys, and as wide as a multiple of 4"
            );
            return Err(Error::config(problem));
        }
        Ok(())
    }

    pub(super) fn activation(&self) -> Result<Activation> {
        Ok(Activation::named(&self.hidden_activation)?)
    }

    /// By what angles of neighbouring pairs differ.
    pub(super) fn base(&self) -> f32 {
        self.rope_parameters.as_ref().and_then(|rope| rope.rope_theta).unwrap_or(100.0)
    }
}
