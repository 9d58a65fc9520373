//! What a checkpoint says of its sizes and its phonemes.

use std::collections::HashMap;

use mlx_nn::QuantizationConfig;
use serde::Deserialize;

use crate::{Error, Result};

/// `config.json` of Kokoro.
#[derive(Clone, Deserialize)]
pub(super) struct Config {
    pub(super) hidden_dim: i32,
    pub(super) style_dim: i32,
    pub(super) n_layer: usize,
    pub(super) n_token: i32,
    pub(super) max_dur: i32,
    pub(super) text_encoder_kernel_size: i32,
    pub(super) plbert: Albert,
    pub(super) istftnet: Istft,
    pub(super) vocab: HashMap<char, i32>,
    pub(super) quantization: Option<QuantizationConfig>,
}

/// Sizes of ALBERT.
#[derive(Clone, Deserialize)]
pub(super) struct Albert {
    #[serde(default = "embedding_size")]
    pub(super) embedding_size: i32,
    pub(super) hidden_size: i32,
    pub(super) num_attention_heads: i32,
    pub(super) intermediate_size: i32,
    pub(super) max_position_embeddings: i32,
    pub(super) num_hidden_layers: i32,
}

fn embedding_size() -> i32 {
    128
}

/// Sizes of the part that makes sound.
#[derive(Clone, Deserialize)]
pub(super) struct Istft {
    pub(super) upsample_kernel_sizes: Vec<i32>,
    pub(super) upsample_rates: Vec<i32>,
    pub(super) gen_istft_hop_size: i32,
    pub(super) gen_istft_n_fft: i32,
    pub(super) resblock_dilation_sizes: Vec<[i32; 3]>,
    pub(super) resblock_kernel_sizes: Vec<i32>,
    pub(super) upsample_initial_channel: i32,
}

impl Config {
    /// The sizes of Kokoro-82M, which its ONNX exports do not tell, with these phonemes.
    pub(super) fn of_82m(vocab: HashMap<char, i32>) -> Self {
        Self {
            hidden_dim: 512,
            style_dim: 128,
            n_layer: 3,
            n_token: 178,
            max_dur: 50,
            text_encoder_kernel_size: 5,
            plbert: Albert {
                embedding_size: embedding_size(),
                hidden_size: 768,
                num_attention_heads: 12,
                intermediate_size: 2048,
                max_position_embeddings: 512,
                num_hidden_layers: 12,
            },
            istftnet: Istft {
                upsample_kernel_sizes: vec![20, 12],
                upsample_rates: vec![10, 6],
                gen_istft_hop_size: 5,
                gen_istft_n_fft: 20,
                resblock_dilation_sizes: vec![[1, 3, 5]; 3],
                resblock_kernel_sizes: vec![3, 7, 11],
                upsample_initial_channel: 512,
            },
            vocab,
            quantization: None,
        }
    }

    /// The most phonemes that are spoken at once: there is one more on both sides.
    pub(super) fn most_phonemes(&self) -> usize {
        usize::try_from(self.plbert.max_position_embeddings - 2).unwrap_or(0)
    }

    /// Checks that sizes can be multiplied, and fit each other.
    pub(super) fn check(&self) -> Result<()> {
        let Albert { hidden_size, num_attention_heads, .. } = self.plbert;
        let layers = i32::try_from(self.n_layer).unwrap_or(i32::MAX);
        for (field, size, most) in [
            ("hidden_dim", self.hidden_dim, 1 << 13),
            ("style_dim", self.style_dim, 1 << 13),
            ("n_layer", layers, 64),
            ("n_token", self.n_token, 1 << 16),
            ("max_dur", self.max_dur, 1 << 10),
            ("text_encoder_kernel_size", self.text_encoder_kernel_size, 64),
            ("embedding_size", self.plbert.embedding_size, 1 << 13),
            ("hidden_size", hidden_size, 1 << 13),
            ("num_attention_heads", num_attention_heads, hidden_size),
            ("intermediate_size", self.plbert.intermediate_size, 1 << 15),
            ("max_position_embeddings", self.plbert.max_position_embeddings, 1 << 14),
            ("num_hidden_layers", self.plbert.num_hidden_layers, 256),
        ] {
            in_range(field, size, most)?;
        }
        let even = |field, size: i32| {
            let problem = || Error::config("config.json", format!("{field} is {size}: it must be even"));
            if size % 2 == 0 { Ok(()) } else { Err(problem()) }
        };
        even("hidden_dim", self.hidden_dim)?;
        let odd = |field, size: i32| {
            let problem = || Error::config("config.json", format!("{field} has {size}: it must be odd"));
            if size % 2 == 1 { Ok(()) } else { Err(problem()) }
        };
        odd("text_encoder_kernel_size", self.text_encoder_kernel_size)?;
        if hidden_size % num_attention_heads != 0 {
            return Err(Error::config("config.json", "num_attention_heads does not divide hidden_size"));
        }
        self.istftnet
            .resblock_kernel_sizes
            .iter()
            .try_for_each(|&size| odd("resblock_kernel_sizes", size))?;
        if let Some((symbol, id)) = self.vocab.iter().find(|(_, id)| !(0..self.n_token).contains(*id)) {
            let problem = format!("vocab gives {symbol} the number {id}, of {} that there are", self.n_token);
            return Err(Error::config("config.json", problem));
        }
        self.istftnet.check()
    }
}

impl Istft {
    /// Samples of half a frame.
    pub(super) fn upsampling(&self) -> i32 {
        self.upsample_rates.iter().product::<i32>() * self.gen_istft_hop_size
    }

    fn check(&self) -> Result<()> {
        let wrong = |problem: &str| Err(Error::config("config.json", problem));
        let (rates, kernels) = (&self.upsample_rates, &self.upsample_kernel_sizes);
        if rates.is_empty() || rates.len() > 8 || rates.len() != kernels.len() {
            return wrong(
                "upsample_rates must have between 1 and 8 entries, and upsample_kernel_sizes as many",
            );
        }
        if self.resblock_kernel_sizes.is_empty()
            || self.resblock_kernel_sizes.len() != self.resblock_dilation_sizes.len()
        {
            return wrong("resblock_dilation_sizes must have as many entries as resblock_kernel_sizes");
        }
        rates.iter().try_for_each(|&rate| in_range("upsample_rates", rate, 64))?;
        for (&rate, &kernel) in rates.iter().zip(kernels) {
            in_range("upsample_kernel_sizes", kernel, 256)?;
            if kernel < rate || (kernel - rate) % 2 != 0 {
                return wrong("upsample_kernel_sizes must be larger than upsample_rates by even numbers");
            }
        }
        self.resblock_kernel_sizes
            .iter()
            .try_for_each(|&size| in_range("resblock_kernel_sizes", size, 64))?;
        let dilations = self.resblock_dilation_sizes.iter().flatten();
        dilations.copied().try_for_each(|size| in_range("resblock_dilation_sizes", size, 64))?;
        in_range("gen_istft_n_fft", self.gen_istft_n_fft, 1 << 12)?;
        in_range("gen_istft_hop_size", self.gen_istft_hop_size, self.gen_istft_n_fft / 2)?;
        if self.gen_istft_n_fft % 2 != 0 || self.gen_istft_n_fft % self.gen_istft_hop_size != 0 {
            return wrong("gen_istft_n_fft must be even, and a multiple of gen_istft_hop_size");
        }
        in_range("upsample_initial_channel", self.upsample_initial_channel, 1 << 13)?;
        if self.upsample_initial_channel >> rates.len() < 1 {
            return wrong("upsample_initial_channel cannot be halved as often as there are upsample_rates");
        }
        let upsampling = rates.iter().try_fold(self.gen_istft_hop_size, |all, &rate| all.checked_mul(rate));
        // With fewer, the first phases, which are random, would be heard.
        match upsampling {
            Some(3..=65536) => Ok(()),
            _ => wrong("upsample_rates and gen_istft_hop_size must multiply to between 3 and 65536"),
        }
    }
}

fn in_range(field: &str, size: i32, most: i32) -> Result<()> {
    if (1..=most).contains(&size) {
        return Ok(());
    }
    Err(Error::config("config.json", format!("{field} is {size}: it must be between 1 and {most}")))
}
