//! What configs of wav2vec2 and HuBERT say, in the words of transformers.

use serde::Deserialize;

use crate::codec::config::{check, count};
use crate::{Error, Result};

#[derive(Clone, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) hidden_size: i32,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: i32,
    pub(super) intermediate_size: i32,
    hidden_act: String,
    pub(super) feat_extract_norm: Norm,
    feat_extract_activation: String,
    pub(super) conv_dim: Vec<i32>,
    pub(super) conv_stride: Vec<i32>,
    pub(super) conv_kernel: Vec<i32>,
    pub(super) conv_bias: bool,
    pub(super) num_conv_pos_embeddings: i32,
    pub(super) num_conv_pos_embedding_groups: i32,
    pub(super) do_stable_layer_norm: bool,
    pub(super) layer_norm_eps: f32,
    pub(super) feat_proj_layer_norm: bool,
    conv_pos_batch_norm: bool,
    add_adapter: bool,
    adapter_attn_dim: Option<i32>,
    pub(super) vocab_size: i32,
    pub(super) pad_token_id: u32,
}

/// What is normalised behind the first convolutions.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Norm {
    /// Each channel over all the time, behind the first one.
    Group,
    /// All channels of a moment, behind each one.
    Layer,
}

/// The base model.
impl Default for Config {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "gelu".to_owned(),
            feat_extract_norm: Norm::Group,
            feat_extract_activation: "gelu".to_owned(),
            conv_dim: vec![512; 7],
            conv_stride: vec![5, 2, 2, 2, 2, 2, 2],
            conv_kernel: vec![10, 3, 3, 3, 3, 2, 2],
            conv_bias: false,
            num_conv_pos_embeddings: 128,
            num_conv_pos_embedding_groups: 16,
            do_stable_layer_norm: false,
            layer_norm_eps: 1e-5,
            feat_proj_layer_norm: true,
            conv_pos_batch_norm: false,
            add_adapter: false,
            adapter_attn_dim: None,
            vocab_size: 32,
            pad_token_id: 0,
        }
    }
}

impl Config {
    /// Checks what cannot be, and what is not supported.
    pub(super) fn check(&self) -> Result<()> {
        let fixed = [
            (self.hidden_act == "gelu", "hidden_act is not `gelu`"),
            (self.feat_extract_activation == "gelu", "feat_extract_activation is not `gelu`"),
            (!self.conv_pos_batch_norm, "conv_pos_batch_norm is true"),
            (!self.add_adapter, "add_adapter is true"),
            (self.adapter_attn_dim.is_none(), "adapter_attn_dim is set"),
        ];
        if let Some((_, problem)) = fixed.into_iter().find(|(holds, _)| !holds) {
            return Err(Error::config("config.json", format!("{problem}, which is not supported")));
        }
        for (field, size, most) in [
            ("hidden_size", self.hidden_size, 1 << 16),
            ("num_hidden_layers", count(self.num_hidden_layers), 1 << 12),
            ("num_attention_heads", self.num_attention_heads, self.hidden_size),
            ("intermediate_size", self.intermediate_size, 1 << 20),
            ("num_conv_pos_embeddings", self.num_conv_pos_embeddings, 1 << 12),
            ("num_conv_pos_embedding_groups", self.num_conv_pos_embedding_groups, self.hidden_size),
            ("vocab_size", self.vocab_size, 1 << 24),
        ] {
            check(field, size, most)?;
        }
        let layers = self.conv_dim.len();
        if !(1..=32).contains(&layers) || self.conv_stride.len() != layers || self.conv_kernel.len() != layers
        {
            let problem = "conv_dim, conv_stride and conv_kernel must have as many entries, between 1 and 32";
            return Err(Error::config("config.json", problem));
        }
        for (field, sizes, most) in [
            ("conv_dim", &self.conv_dim, 1 << 16),
            ("conv_stride", &self.conv_stride, 1 << 10),
            ("conv_kernel", &self.conv_kernel, 1 << 10),
        ] {
            sizes.iter().try_for_each(|&size| check(field, size, most))?;
        }
        check("the product of conv_stride", self.hop(), 1 << 20)?;
        for (field, parts) in [
            ("num_attention_heads", self.num_attention_heads),
            ("num_conv_pos_embedding_groups", self.num_conv_pos_embedding_groups),
        ] {
            if self.hidden_size % parts != 0 {
                return Err(Error::config("config.json", format!("{field} do not divide hidden_size")));
            }
        }
        Ok(())
    }

    /// Samples of a frame.
    pub(super) fn hop(&self) -> i32 {
        self.conv_stride.iter().fold(1, |product: i32, &stride| product.saturating_mul(stride))
    }

    /// The frames of so many samples.
    pub(super) fn frames(&self, samples: i32) -> i32 {
        let kernels = self.conv_kernel.iter().zip(&self.conv_stride);
        kernels.fold(samples, |length, (kernel, stride)| ((length - kernel).div_euclid(*stride) + 1).max(0))
    }
}

/// What a `preprocessor_config.json` says.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub(super) struct Preprocessor {
    pub(super) sampling_rate: u32,
    pub(super) do_normalize: bool,
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self { sampling_rate: 16_000, do_normalize: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_model_has_fifty_frames_a_second() {
        let config = Config::default();
        config.check().unwrap();
        assert_eq!(config.hop(), 320);
        assert_eq!(
            [0, 399, 400, 719, 720, 16_000].map(|samples| config.frames(samples)),
            [0, 0, 1, 1, 2, 49]
        );
    }
}
