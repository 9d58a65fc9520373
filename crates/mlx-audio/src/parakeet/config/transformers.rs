//! Configs of transformers: `ParakeetForCTC`, `ParakeetForRNNT` and `ParakeetForTDT`.

use mlx_hub::Directory;
use mlx_text::Tokenizer;
use serde::Deserialize;
use serde_json::Value;

use super::{Activation, CtcPlan, EncoderPlan, FrontPlan, Plan, TransducerPlan, halvings, wrong};
use crate::Result;
use crate::codec::config::read;
use crate::dsp::Window;

#[derive(Deserialize)]
struct Config {
    model_type: String,
    vocab_size: Option<i32>,
    pad_token_id: Option<u32>,
    blank_token_id: Option<u32>,
    #[serde(default = "wide")]
    decoder_hidden_size: i32,
    #[serde(default = "two")]
    num_decoder_layers: usize,
    #[serde(default = "relu")]
    hidden_act: String,
    #[serde(default = "ten")]
    max_symbols_per_step: usize,
    durations: Option<Vec<u32>>,
    encoder_config: Encoder,
}

#[derive(Deserialize)]
#[serde(default)]
struct Encoder {
    hidden_size: i32,
    num_hidden_layers: usize,
    num_attention_heads: i32,
    intermediate_size: i32,
    hidden_act: String,
    attention_bias: bool,
    convolution_bias: bool,
    conv_kernel_size: i32,
    subsampling_factor: u32,
    subsampling_conv_channels: i32,
    num_mel_bins: i32,
    subsampling_conv_kernel_size: i32,
    subsampling_conv_stride: i32,
    scale_input: bool,
}

#[derive(Clone, Deserialize)]
#[serde(default)]
struct Extractor {
    feature_size: Option<usize>,
    sampling_rate: u32,
    hop_length: usize,
    n_fft: usize,
    win_length: usize,
    preemphasis: Option<f32>,
}

fn wide() -> i32 {
    640
}

fn two() -> usize {
    2
}

fn ten() -> usize {
    10
}

fn relu() -> String {
    "relu".to_owned()
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            hidden_size: 1024,
            num_hidden_layers: 24,
            num_attention_heads: 8,
            intermediate_size: 4096,
            hidden_act: "silu".to_owned(),
            attention_bias: true,
            convolution_bias: true,
            conv_kernel_size: 9,
            subsampling_factor: 8,
            subsampling_conv_channels: 256,
            num_mel_bins: 80,
            subsampling_conv_kernel_size: 3,
            subsampling_conv_stride: 2,
            scale_input: true,
        }
    }
}

impl Default for Extractor {
    fn default() -> Self {
        Self {
            feature_size: None,
            sampling_rate: 16_000,
            hop_length: 160,
            n_fft: 512,
            win_length: 400,
            preemphasis: Some(0.97),
        }
    }
}

pub(super) fn plan(config: &Value, directory: &Directory) -> Result<Plan> {
    let config: Config = read(config)?;
    let encoder = encoder(&config.encoder_config)?;
    let front = front(directory, &config.encoder_config)?;
    let is_ctc = config.model_type == "parakeet_ctc";
    let tokens = config.vocab_size.unwrap_or(if is_ctc { 1025 } else { 8193 });
    let last = tokens.unsigned_abs().saturating_sub(1);
    let blank = if is_ctc { config.pad_token_id } else { config.blank_token_id }.unwrap_or(last);
    if blank > last {
        return Err(wrong(format!("the token for none is {blank}: there are {tokens} tokens")));
    }
    let ctc = is_ctc.then_some(CtcPlan { path: "decoder.decoder_layers.0", tokens });
    let transducer = match is_ctc {
        true => None,
        false => Some(TransducerPlan {
            rows: tokens,
            embedding: config.decoder_hidden_size,
            hidden: config.decoder_hidden_size,
            layers: config.num_decoder_layers,
            joint: config.decoder_hidden_size,
            activation: Activation::named(&config.hidden_act)?,
            tokens,
            durations: durations(&config),
            most: config.max_symbols_per_step.max(1),
            start: Some(blank),
        }),
    };
    Ok(Plan { front, encoder, ctc, transducer, blank, pieces: pieces(directory, last)? })
}

fn durations(config: &Config) -> Vec<u32> {
    match config.model_type.as_str() {
        "parakeet_tdt" => config.durations.clone().unwrap_or_else(|| vec![0, 1, 2, 3, 4]),
        _ => Vec::new(),
    }
}

/// What each token writes, up to the last one.
fn pieces(directory: &Directory, last: u32) -> Result<Option<Vec<String>>> {
    if directory.file("tokenizer.json").is_none() {
        return Ok(None);
    }
    let tokenizer = Tokenizer::from_dir(directory.path())?;
    let last = last.min(tokenizer.vocab_size().try_into().unwrap_or(u32::MAX));
    let piece = |id: u32| match tokenizer.is_special(id) {
        true => String::new(),
        false => tokenizer.token(id).unwrap_or_default(),
    };
    Ok(Some((0..=last).map(piece).collect()))
}

fn front(directory: &Directory, encoder: &Encoder) -> Result<FrontPlan> {
    let extractor: Extractor = if directory.file("preprocessor_config.json").is_some() {
        read(&directory.json("preprocessor_config.json")?)?
    } else if directory.file("processor_config.json").is_some() {
        match directory.json("processor_config.json")?.get("feature_extractor") {
            Some(extractor) => read(extractor)?,
            None => Extractor::default(),
        }
    } else {
        Extractor::default()
    };
    Ok(FrontPlan {
        rate: extractor.sampling_rate,
        mels: extractor.feature_size.unwrap_or(usize::try_from(encoder.num_mel_bins).unwrap_or(0)),
        n_fft: extractor.n_fft.min(1 << 16),
        window: extractor.win_length,
        shape: Window::Hann,
        hop: extractor.hop_length,
        preemphasis: extractor.preemphasis.unwrap_or(0.0),
        guard: 2.0_f32.powi(-24),
        whole: true,
    })
}

fn encoder(encoder: &Encoder) -> Result<EncoderPlan> {
    if encoder.hidden_act != "silu" {
        return Err(wrong(format!(
            "encoder_config.hidden_act is `{}`: `silu` is supported",
            encoder.hidden_act
        )));
    }
    if encoder.subsampling_conv_kernel_size != 3 || encoder.subsampling_conv_stride != 2 {
        return Err(wrong("subsampling is supported with a kernel of 3 and a stride of 2"));
    }
    Ok(EncoderPlan {
        mels: encoder.num_mel_bins,
        layers: encoder.num_hidden_layers,
        width: encoder.hidden_size,
        heads: encoder.num_attention_heads,
        inner: encoder.intermediate_size,
        kernel: encoder.conv_kernel_size,
        channels: encoder.subsampling_conv_channels,
        halvings: halvings(encoder.subsampling_factor)?,
        scaled: encoder.scale_input,
        bias: encoder.attention_bias,
        conv_bias: encoder.convolution_bias,
    })
}
