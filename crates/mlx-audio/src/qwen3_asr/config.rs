//! What a config of a Qwen3-ASR says.

use mlx_nn::QuantizationConfig;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// The parts of `config.json`: of the original within `thinker_config`, of transformers and MLX without it.
pub(super) struct Config {
    pub(super) audio: AudioConfig,
    /// The decoder, in the words of `mlx-lm`.
    pub(super) text: Value,
    /// Names of languages that the model knows, if the config lists them.
    pub(super) languages: Vec<String>,
    pub(super) quantization: Option<QuantizationConfig>,
}

/// The encoder.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct AudioConfig {
    pub(super) num_mel_bins: i32,
    pub(super) encoder_layers: usize,
    pub(super) encoder_attention_heads: i32,
    pub(super) encoder_ffn_dim: i32,
    pub(super) d_model: i32,
    pub(super) output_dim: i32,
    pub(super) downsample_hidden_size: i32,
    /// Half the frames that convolutions hear together.
    n_window: i32,
    /// Frames that attention sees together.
    n_window_infer: i32,
    activation_function: String,
}

/// That of the larger of the two published models.
impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            num_mel_bins: 128,
            encoder_layers: 24,
            encoder_attention_heads: 16,
            encoder_ffn_dim: 4096,
            d_model: 1024,
            output_dim: 2048,
            downsample_hidden_size: 480,
            n_window: 50,
            n_window_infer: 800,
            activation_function: "gelu".to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Whole {
    thinker_config: Option<Thinker>,
    #[serde(flatten)]
    thinker: Thinker,
    #[serde(default)]
    support_languages: Vec<String>,
    quantization: Option<QuantizationConfig>,
}

#[derive(Default, Deserialize)]
struct Thinker {
    model_type: Option<String>,
    audio_config: Option<AudioConfig>,
    text_config: Option<Map<String, Value>>,
    tie_word_embeddings: Option<bool>,
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let whole: Whole = serde_json::from_value(config.clone())
            .map_err(|error| Error::config("config.json", error.to_string()))?;
        let Thinker { model_type, audio_config, text_config, tie_word_embeddings } =
            whole.thinker_config.unwrap_or(whole.thinker);
        if model_type.as_deref() == Some("qwen3_forced_aligner") {
            return Err(Error::UnknownModel { found: "qwen3_forced_aligner".into(), known: &["qwen3_asr"] });
        }
        let Some(mut text) = text_config else {
            return Err(Error::config("config.json", "text_config is missing"));
        };
        text.insert("model_type".into(), "qwen3".into());
        text.entry("tie_word_embeddings").or_insert_with(|| tie_word_embeddings.unwrap_or(true).into());
        let width =
            text.get("hidden_size").and_then(Value::as_i64).and_then(|width| i32::try_from(width).ok());
        let width = width.ok_or_else(|| Error::config("config.json", "hidden_size is missing"))?;
        let audio = audio_config.unwrap_or_default();
        audio.check(width)?;
        Ok(Self {
            audio,
            text: text.into(),
            languages: whole.support_languages,
            quantization: whole.quantization,
        })
    }
}

impl AudioConfig {
    fn check(&self, width: i32) -> Result<()> {
        let wrong = |problem: String| Err(Error::config("config.json", problem));
        for (field, size, most) in [
            ("encoder_attention_heads", self.encoder_attention_heads, 1 << 10),
            ("encoder_ffn_dim", self.encoder_ffn_dim, 1 << 18),
            ("d_model", self.d_model, 1 << 16),
            ("downsample_hidden_size", self.downsample_hidden_size, 1 << 14),
            ("n_window", self.n_window, 1 << 12),
            ("n_window_infer", self.n_window_infer, 1 << 16),
        ] {
            if !(1..=most).contains(&size) {
                return wrong(format!("{field} is {size}: it must be from 1 to {most}"));
            }
        }
        if self.encoder_layers > 1024 {
            return wrong(format!("encoder_layers is {}: it must be at most 1024", self.encoder_layers));
        }
        if !matches!(self.num_mel_bins, 80 | 128) {
            return wrong(format!(
                "num_mel_bins is {}: spectrograms have 80 or 128 bands",
                self.num_mel_bins
            ));
        }
        if self.d_model % self.encoder_attention_heads != 0 || self.d_model % 2 != 0 {
            let heads = self.encoder_attention_heads;
            return wrong(format!("d_model {} cannot be shared by {heads} heads, or is odd", self.d_model));
        }
        if self.output_dim != width {
            return wrong(format!(
                "output_dim is {}, but the decoder's hidden_size {width}",
                self.output_dim
            ));
        }
        if self.activation_function != "gelu" {
            return wrong("activation_function is not `gelu`, which alone is supported".to_owned());
        }
        Ok(())
    }

    /// Frames that convolutions hear together.
    pub(super) fn chunk(&self) -> i32 {
        2 * self.n_window
    }

    /// Such chunks that attention sees together.
    pub(super) fn chunks(&self) -> i32 {
        (self.n_window_infer / self.chunk()).max(1)
    }
}
