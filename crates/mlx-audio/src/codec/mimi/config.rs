//! What a config of a Mimi says.

use serde::Deserialize;
use serde_json::Value;

use crate::codec::config::check;
use crate::codec::part::padded::{Manner, Pad};
use crate::codec::part::seanet::Plan;
use crate::{Error, Result};

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) sampling_rate: u32,
    frame_rate: Option<f64>,
    audio_channels: i32,
    pub(super) hidden_size: i32,
    num_filters: i32,
    num_residual_layers: usize,
    upsampling_ratios: Option<Vec<i32>>,
    pub(super) kernel_size: i32,
    last_kernel_size: i32,
    residual_kernel_size: i32,
    dilation_growth_rate: i32,
    use_causal_conv: bool,
    pad_mode: String,
    compress: i32,
    trim_right_ratio: f32,
    pub(super) codebook_size: i32,
    pub(super) codebook_dim: i32,
    pub(super) num_quantizers: i32,
    use_conv_shortcut: bool,
    pub(super) vector_quantization_hidden_dimension: i32,
    pub(super) num_semantic_quantizers: i32,
    pub(super) upsample_groups: i32,
    pub(super) num_hidden_layers: usize,
    pub(super) intermediate_size: i32,
    pub(super) num_attention_heads: i32,
    pub(super) num_key_value_heads: i32,
    head_dim: Option<i32>,
    hidden_act: String,
    pub(super) norm_eps: f32,
    rope_theta: Option<f32>,
    rope_parameters: Option<Value>,
    pub(super) sliding_window: i32,
    pub(super) attention_bias: bool,
}

/// The one published model.
impl Default for Config {
    fn default() -> Self {
        Self {
            sampling_rate: 24_000,
            frame_rate: None,
            audio_channels: 1,
            hidden_size: 512,
            num_filters: 64,
            num_residual_layers: 1,
            upsampling_ratios: None,
            kernel_size: 7,
            last_kernel_size: 3,
            residual_kernel_size: 3,
            dilation_growth_rate: 2,
            use_causal_conv: true,
            pad_mode: "constant".to_owned(),
            compress: 2,
            trim_right_ratio: 1.0,
            codebook_size: 2048,
            codebook_dim: 256,
            num_quantizers: 32,
            use_conv_shortcut: false,
            vector_quantization_hidden_dimension: 256,
            num_semantic_quantizers: 1,
            upsample_groups: 512,
            num_hidden_layers: 8,
            intermediate_size: 2048,
            num_attention_heads: 8,
            num_key_value_heads: 8,
            head_dim: None,
            hidden_act: "gelu".to_owned(),
            norm_eps: 1e-5,
            rope_theta: None,
            rope_parameters: None,
            sliding_window: 250,
            attention_bias: false,
        }
    }
}

impl Config {
    pub(super) fn plan(&self) -> Result<Plan> {
        let fixed = [
            (self.use_causal_conv, "use_causal_conv is false"),
            (self.pad_mode == "constant", "pad_mode is not `constant`"),
            (self.trim_right_ratio == 1.0, "trim_right_ratio is not 1"),
            (self.hidden_act == "gelu", "hidden_act is not `gelu`"),
            (self.audio_channels == 1, "audio_channels is not 1"),
        ];
        if let Some((_, problem)) = fixed.into_iter().find(|(holds, _)| !holds) {
            return Err(Error::config("config.json", format!("{problem}, which alone is supported")));
        }
        Ok(Plan {
            channels: self.audio_channels,
            filters: self.num_filters,
            hidden: self.hidden_size,
            ratios: self.upsampling_ratios.clone().unwrap_or_else(|| vec![8, 6, 5, 4]),
            residual_layers: self.num_residual_layers,
            kernel: self.kernel_size,
            last_kernel: self.last_kernel_size,
            residual_kernel: self.residual_kernel_size,
            growth: self.dilation_growth_rate,
            compress: self.compress,
            lstm_layers: 0,
            shortcut: self.use_conv_shortcut,
            manner: Manner { pad: Pad::Zeros, causal: true, norm: false, trim: 1.0 },
        })
    }

    /// Checks sizes beside those of the plan, and gives the vectors that become one, of `hop` samples each.
    pub(super) fn check(&self, hop: i32) -> Result<i32> {
        let inner = self.vector_quantization_hidden_dimension;
        for (field, size, most) in [
            ("codebook_size", self.codebook_size, 1 << 20),
            ("num_quantizers", self.num_quantizers, 1024),
            ("num_semantic_quantizers", self.num_semantic_quantizers, self.num_quantizers - 1),
            ("vector_quantization_hidden_dimension", inner, 1 << 16),
            ("upsample_groups", self.upsample_groups, self.hidden_size),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, self.num_attention_heads),
            ("head_dim", self.head(), 1 << 12),
            ("sliding_window", self.sliding_window, 1 << 16),
        ] {
            check(field, size, most)?;
        }
        let divides = [
            (self.codebook_dim == inner, "codebook_dim is not vector_quantization_hidden_dimension"),
            (self.hidden_size % self.upsample_groups == 0, "upsample_groups do not divide hidden_size"),
            (
                self.num_attention_heads % self.num_key_value_heads == 0,
                "num_key_value_heads do not divide num_attention_heads",
            ),
            (self.head() % 2 == 0, "head_dim is odd"),
        ];
        if let Some((_, problem)) = divides.into_iter().find(|(holds, _)| !holds) {
            return Err(Error::config("config.json", problem));
        }
        let rate = (f64::from(self.sampling_rate) / f64::from(hop)).ceil();
        let stride = self.frame_rate.map_or(2.0, |frames| (rate / frames).floor());
        if !(2.0..=64.0).contains(&stride) {
            let problem = "frame_rate does not go into that of the encoder between 2 and 64 times";
            return Err(Error::config("config.json", problem));
        }
        Ok(stride as i32)
    }

    pub(super) fn head(&self) -> i32 {
        self.head_dim.unwrap_or(self.hidden_size / self.num_attention_heads.max(1))
    }

    pub(super) fn theta(&self) -> f32 {
        let nested = self.rope_parameters.as_ref().and_then(|rope| rope.get("rope_theta")?.as_f64());
        nested.map(|theta| theta as f32).or(self.rope_theta).unwrap_or(1e4)
    }
}
