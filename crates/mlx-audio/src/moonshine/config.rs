//! What a config of a Moonshine says.

use serde::Deserialize;
use serde_json::Value;

use crate::{Error, Result};

/// `config.json`, in which transformers leaves out what is as in the smallest model.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) vocab_size: i32,
    pub(super) hidden_size: i32,
    pub(super) intermediate_size: i32,
    encoder_num_hidden_layers: usize,
    decoder_num_hidden_layers: usize,
    encoder_num_attention_heads: i32,
    decoder_num_attention_heads: i32,
    encoder_num_key_value_heads: Option<i32>,
    decoder_num_key_value_heads: Option<i32>,
    encoder_hidden_act: String,
    decoder_hidden_act: String,
    pub(super) max_position_embeddings: i32,
    pub(super) attention_bias: bool,
    partial_rotary_factor: Option<f32>,
    rope_theta: Option<f32>,
    rope_parameters: Option<Turning>,
    pub(super) decoder_start_token_id: u32,
    eos_token_id: Ends,
    pub(super) tie_word_embeddings: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Turning {
    rope_type: Option<String>,
    rope_theta: Option<f32>,
    partial_rotary_factor: Option<f32>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Ends {
    One(u32),
    Many(Vec<u32>),
}

impl Default for Config {
    fn default() -> Self {
        Self {
            vocab_size: 32_768,
            hidden_size: 288,
            intermediate_size: 1152,
            encoder_num_hidden_layers: 6,
            decoder_num_hidden_layers: 6,
            encoder_num_attention_heads: 8,
            decoder_num_attention_heads: 8,
            encoder_num_key_value_heads: None,
            decoder_num_key_value_heads: None,
            encoder_hidden_act: "gelu".to_owned(),
            decoder_hidden_act: "silu".to_owned(),
            max_position_embeddings: 512,
            attention_bias: false,
            partial_rotary_factor: None,
            rope_theta: None,
            rope_parameters: None,
            decoder_start_token_id: 1,
            eos_token_id: Ends::One(2),
            tie_word_embeddings: true,
        }
    }
}

/// How large the attention of one half of the model is, and how positions turn it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sizes {
    pub(super) width: i32,
    pub(super) inner: i32,
    pub(super) heads: i32,
    pub(super) key_heads: i32,
    pub(super) bias: bool,
    /// Features of a head that turn.
    pub(super) turned: i32,
    pub(super) theta: f32,
    pub(super) layers: usize,
}

/// Features of a head that turn, of one, and how fast, where the config says nothing.
const PART: f32 = 0.9;
const THETA: f32 = 10_000.0;

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let config: Self = serde_json::from_value(config.clone())
            .map_err(|error| Error::config("config.json", error.to_string()))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        for (field, size, most) in [
            ("vocab_size", self.vocab_size, 1 << 20),
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
        ] {
            if !(1..=most).contains(&size) {
                let problem = format!("{field} is {size}: it must be from 1 to {most}");
                return Err(Error::config("config.json", problem));
            }
        }
        let kind = self.rope_parameters.as_ref().and_then(|rope| rope.rope_type.as_deref());
        let fixed = [
            (self.encoder_hidden_act == "gelu", "encoder_hidden_act is not `gelu`"),
            (self.decoder_hidden_act == "silu", "decoder_hidden_act is not `silu`"),
            (kind.is_none_or(|kind| kind == "default"), "rope_type is not `default`"),
        ];
        match fixed.into_iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => {
                Err(Error::config("config.json", format!("{problem}, which alone is supported")))
            }
            None => Ok(()),
        }
    }

    /// The tokens that end a text.
    pub(super) fn ends(&self) -> Vec<u32> {
        match &self.eos_token_id {
            Ends::One(end) => vec![*end],
            Ends::Many(ends) => ends.clone(),
        }
    }

    pub(super) fn encoder(&self) -> Result<Sizes> {
        let heads = [self.encoder_num_attention_heads, self.decoder_num_attention_heads];
        self.sizes("encoder", heads, self.encoder_num_key_value_heads, self.encoder_num_hidden_layers)
    }

    pub(super) fn decoder(&self) -> Result<Sizes> {
        let heads = [self.decoder_num_attention_heads; 2];
        self.sizes("decoder", heads, self.decoder_num_key_value_heads, self.decoder_num_hidden_layers)
    }

    /// Of a half with so many heads. Both turn as many features, those of the decoder's heads.
    fn sizes(
        &self,
        half: &str,
        [heads, turning]: [i32; 2],
        key_heads: Option<i32>,
        layers: usize,
    ) -> Result<Sizes> {
        let wrong = |problem: String| Err(Error::config("config.json", problem));
        let key_heads = key_heads.unwrap_or(heads);
        let shares = |of: i32, among: i32| among > 0 && of > 0 && of % among == 0;
        if !shares(self.hidden_size, heads) || !shares(self.hidden_size, turning) || !shares(heads, key_heads)
        {
            let width = self.hidden_size;
            return wrong(format!(
                "{half}: {width} features, {heads} heads and {key_heads} of keys cannot be shared alike"
            ));
        }
        if layers > 1024 {
            return wrong(format!("{half}_num_hidden_layers is {layers}: it must be at most 1024"));
        }
        let rope = self.rope_parameters.as_ref();
        let part = rope.and_then(|rope| rope.partial_rotary_factor).or(self.partial_rotary_factor);
        let theta = rope.and_then(|rope| rope.rope_theta).or(self.rope_theta).unwrap_or(THETA);
        let turned = (f64::from(self.hidden_size / turning) * f64::from(part.unwrap_or(PART))) as i32;
        if turned < 2 || turned > self.hidden_size / heads || turned % 2 != 0 {
            return wrong(format!("{half}: {turned} features of a head turn: they must be pairs"));
        }
        if theta.is_nan() || theta <= 0.0 {
            return wrong(format!("rope_theta is {theta}: it must be positive"));
        }
        Ok(Sizes {
            width: self.hidden_size,
            inner: self.intermediate_size,
            heads,
            key_heads,
            bias: self.attention_bias,
            turned,
            theta,
            layers,
        })
    }
}
