//! What a config of an EnCodec says.

use serde::Deserialize;

use super::chunks::Chunks;
use crate::codec::part::padded::{Manner, Pad};
use crate::codec::part::seanet::Plan;
use crate::{Error, Result};

#[derive(Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) target_bandwidths: Vec<f64>,
    pub(super) sampling_rate: u32,
    pub(super) audio_channels: i32,
    pub(super) normalize: bool,
    pub(super) chunk_length_s: Option<f64>,
    pub(super) overlap: Option<f64>,
    pub(super) hidden_size: i32,
    pub(super) num_filters: i32,
    pub(super) num_residual_layers: usize,
    pub(super) upsampling_ratios: Vec<i32>,
    pub(super) norm_type: String,
    pub(super) kernel_size: i32,
    pub(super) last_kernel_size: i32,
    pub(super) residual_kernel_size: i32,
    pub(super) dilation_growth_rate: i32,
    pub(super) use_causal_conv: bool,
    pub(super) pad_mode: String,
    pub(super) compress: i32,
    pub(super) num_lstm_layers: usize,
    pub(super) trim_right_ratio: f32,
    pub(super) codebook_size: i32,
    pub(super) codebook_dim: Option<i32>,
    pub(super) use_conv_shortcut: bool,
}

/// What a config that does not say has.
impl Default for Config {
    fn default() -> Self {
        Self {
            target_bandwidths: vec![1.5, 3.0, 6.0, 12.0, 24.0],
            sampling_rate: 24_000,
            audio_channels: 1,
            normalize: false,
            chunk_length_s: None,
            overlap: None,
            hidden_size: 128,
            num_filters: 32,
            num_residual_layers: 1,
            upsampling_ratios: vec![8, 5, 4, 2],
            norm_type: "weight_norm".to_owned(),
            kernel_size: 7,
            last_kernel_size: 7,
            residual_kernel_size: 3,
            dilation_growth_rate: 2,
            use_causal_conv: true,
            pad_mode: "reflect".to_owned(),
            compress: 2,
            num_lstm_layers: 2,
            trim_right_ratio: 1.0,
            codebook_size: 1024,
            codebook_dim: None,
            use_conv_shortcut: true,
        }
    }
}

impl Config {
    pub(super) fn plan(&self) -> Result<Plan> {
        let norm = match self.norm_type.as_str() {
            "weight_norm" => false,
            "time_group_norm" => true,
            other => {
                let problem = format!("norm_type `{other}` is not supported");
                return Err(Error::config("config.json", problem));
            }
        };
        Ok(Plan {
            channels: self.audio_channels,
            filters: self.num_filters,
            hidden: self.hidden_size,
            ratios: self.upsampling_ratios.clone(),
            residual_layers: self.num_residual_layers,
            kernel: self.kernel_size,
            last_kernel: self.last_kernel_size,
            residual_kernel: self.residual_kernel_size,
            growth: self.dilation_growth_rate,
            compress: self.compress,
            lstm_layers: self.num_lstm_layers.min(16),
            shortcut: self.use_conv_shortcut,
            manner: Manner {
                pad: Pad::named(&self.pad_mode)?,
                causal: self.use_causal_conv,
                norm,
                trim: self.trim_right_ratio,
            },
        })
    }

    pub(super) fn chunks(&self) -> Result<Option<Chunks>> {
        let Some(seconds) = self.chunk_length_s else { return Ok(None) };
        let overlap = self.overlap.unwrap_or_default();
        let length = seconds * f64::from(self.sampling_rate);
        if !(1.0..1e9).contains(&length) || !(0.0..1.0).contains(&overlap) {
            let problem = format!("chunk_length_s is {seconds} and overlap {overlap}, which is no chunk");
            return Err(Error::config("config.json", problem));
        }
        let length = length.floor();
        let stride = ((1.0 - overlap) * length).floor().max(1.0);
        Ok(Some(Chunks { length: length as i32, stride: stride as i32 }))
    }

    /// Each bandwidth, and how many codebooks it takes; the last takes all.
    pub(super) fn bandwidths(&self, hop: i32) -> Result<Vec<(f64, usize)>> {
        let rate = (f64::from(self.sampling_rate) / f64::from(hop)).ceil();
        let bits = f64::from(self.codebook_size).log2();
        let books = |&bandwidth: &f64| (bandwidth, ((bandwidth * 1000.0 / (bits * rate)).floor()).max(1.0));
        let all: Vec<_> = self.target_bandwidths.iter().map(books).collect();
        match all.last() {
            Some(&(_, most)) if all.iter().all(|&(_, books)| books <= most) && most <= 1024.0 => {
                Ok(all.into_iter().map(|(bandwidth, books)| (bandwidth, books as usize)).collect())
            }
            _ => Err(Error::config(
                "config.json",
                "target_bandwidths must rise, and be of 1 to 1024 codebooks",
            )),
        }
    }
}
