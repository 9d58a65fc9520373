//! How large a model is.

use mlx_nn::Weights;
use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Result};

/// How large a model is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bands of the spectrogram.
    pub mels: i32,
    /// What the encoder gives for a window: two frames of the spectrogram each.
    pub audio_context: i32,
    /// Tokens that the decoder can see.
    pub text_context: i32,
    /// Tokens that have a score.
    pub vocabulary: i32,
    /// Width of hidden states.
    pub width: i32,
    /// Heads of attention, of the encoder and the decoder.
    pub heads: [i32; 2],
    /// Layers of the encoder and the decoder.
    pub layers: [usize; 2],
}

/// `config.json` in the words of transformers, or of OpenAI and MLX.
#[derive(Deserialize)]
struct Config {
    #[serde(alias = "n_mels")]
    num_mel_bins: Option<i32>,
    #[serde(alias = "n_audio_ctx")]
    max_source_positions: Option<i32>,
    #[serde(alias = "n_text_ctx")]
    max_target_positions: Option<i32>,
    #[serde(alias = "n_vocab")]
    vocab_size: Option<i32>,
    #[serde(alias = "n_audio_state")]
    d_model: Option<i32>,
    #[serde(alias = "n_audio_head")]
    encoder_attention_heads: Option<i32>,
    #[serde(alias = "n_text_head")]
    decoder_attention_heads: Option<i32>,
    #[serde(alias = "n_audio_layer")]
    encoder_layers: Option<usize>,
    #[serde(alias = "n_text_layer")]
    decoder_layers: Option<usize>,
}

/// The width of a head in all of OpenAI's models.
const HEAD: i32 = 64;

impl Sizes {
    /// What the config says, and where it says nothing, as that of CTranslate2, what the arrays show.
    pub(super) fn of(config: &Value, w: &Weights) -> Result<Self> {
        let config: Config = serde_json::from_value(config.clone())
            .map_err(|error| Error::config("config.json", error.to_string()))?;
        let size = |of: &str, axis: usize| w.shape(of).and_then(|shape| shape.get(axis).copied());
        let width = config.d_model.or_else(|| size("encoder.conv1.weight", 0));
        let heads = |heads: Option<i32>| heads.or_else(|| width.map(|width| width / HEAD));
        let layers = |layers: Option<usize>, part: &str| {
            layers.unwrap_or_else(|| {
                (0..).take_while(|at| w.contains(&format!("{part}.layers.{at}.fc1.weight"))).count()
            })
        };
        let positive = |name: &str, size: Option<i32>| {
            size.filter(|&size| size > 0)
                .ok_or_else(|| Error::config("config.json", format!("{name} is missing or not positive")))
        };
        let sizes = Self {
            mels: positive("num_mel_bins", config.num_mel_bins.or_else(|| size("encoder.conv1.weight", 2)))?,
            audio_context: positive(
                "max_source_positions",
                config.max_source_positions.or_else(|| size("encoder.embed_positions.weight", 0)),
            )?,
            text_context: positive(
                "max_target_positions",
                config.max_target_positions.or_else(|| size("decoder.embed_positions.weight", 0)),
            )?,
            vocabulary: positive(
                "vocab_size",
                config.vocab_size.or_else(|| size("decoder.embed_tokens.weight", 0)),
            )?,
            width: positive("d_model", width)?,
            heads: [
                positive("encoder_attention_heads", heads(config.encoder_attention_heads))?,
                positive("decoder_attention_heads", heads(config.decoder_attention_heads))?,
            ],
            layers: [layers(config.encoder_layers, "encoder"), layers(config.decoder_layers, "decoder")],
        };
        sizes.check()
    }

    fn check(self) -> Result<Self> {
        if self.heads.iter().any(|heads| self.width % heads != 0) {
            let problem = format!("d_model {} cannot be shared by {:?} heads alike", self.width, self.heads);
            return Err(Error::config("config.json", problem));
        }
        if !matches!(self.mels, 80 | 128) {
            let problem = format!("num_mel_bins is {}: spectrograms have 80 or 128 bands", self.mels);
            return Err(Error::config("config.json", problem));
        }
        Ok(self)
    }
}
