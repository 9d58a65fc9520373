//! Configs of NeMo, as MLX's checkpoints have them in `config.json`.

use serde::Deserialize;
use serde_json::Value;

use super::{Activation, CtcPlan, EncoderPlan, FrontPlan, Plan, TransducerPlan, halvings, wrong};
use crate::Result;
use crate::codec::config::read;
use crate::dsp::Window;

#[derive(Deserialize)]
struct Config {
    preprocessor: Preprocessor,
    encoder: Encoder,
    decoder: Decoder,
    joint: Option<Joint>,
    #[serde(default)]
    decoding: Decoding,
    aux_ctc: Option<Auxiliary>,
    #[serde(default)]
    model_defaults: Defaults,
    /// Set by checkpoints whose weights are of three values.
    ternary_modules: Option<Value>,
}

#[derive(Deserialize)]
#[serde(default)]
struct Preprocessor {
    sample_rate: u32,
    normalize: String,
    window_size: f64,
    window_stride: f64,
    window: String,
    features: usize,
    n_fft: usize,
    preemph: Option<f32>,
    log_zero_guard_value: f32,
}

#[derive(Deserialize)]
#[serde(default)]
struct Encoder {
    feat_in: i32,
    n_layers: usize,
    d_model: i32,
    n_heads: i32,
    ff_expansion_factor: i32,
    subsampling_factor: u32,
    subsampling: String,
    subsampling_conv_channels: i32,
    self_attention_model: String,
    conv_kernel_size: i32,
    conv_norm_type: String,
    causal_downsampling: bool,
    use_bias: bool,
    xscaling: bool,
}

/// That of a transducer, or the head of CTC.
#[derive(Deserialize)]
struct Decoder {
    prednet: Option<Predictor>,
    #[serde(default)]
    blank_as_pad: bool,
    vocab_size: Option<i32>,
    vocabulary: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Predictor {
    pred_hidden: i32,
    pred_rnn_layers: usize,
    rnn_hidden_size: Option<i32>,
}

#[derive(Deserialize)]
struct Joint {
    vocabulary: Vec<String>,
    jointnet: JointNet,
}

#[derive(Deserialize)]
struct JointNet {
    joint_hidden: i32,
    activation: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Decoding {
    durations: Option<Vec<u32>>,
    greedy: Option<Greedy>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Greedy {
    max_symbols: Option<usize>,
    max_symbols_per_step: Option<usize>,
}

#[derive(Deserialize)]
struct Auxiliary {
    decoder: AuxiliaryDecoder,
}

#[derive(Deserialize)]
struct AuxiliaryDecoder {
    vocabulary: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Defaults {
    tdt_durations: Option<Vec<u32>>,
}

impl Default for Preprocessor {
    fn default() -> Self {
        Self {
            sample_rate: 16_000,
            normalize: "per_feature".to_owned(),
            window_size: 0.025,
            window_stride: 0.01,
            window: "hann".to_owned(),
            features: 80,
            n_fft: 512,
            preemph: Some(0.97),
            log_zero_guard_value: 2.0_f32.powi(-24),
        }
    }
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            feat_in: 80,
            n_layers: 0,
            d_model: 0,
            n_heads: 8,
            ff_expansion_factor: 4,
            subsampling_factor: 8,
            subsampling: "dw_striding".to_owned(),
            subsampling_conv_channels: 256,
            self_attention_model: "rel_pos".to_owned(),
            conv_kernel_size: 9,
            conv_norm_type: "batch_norm".to_owned(),
            causal_downsampling: false,
            use_bias: true,
            xscaling: false,
        }
    }
}

pub(super) fn plan(config: &Value) -> Result<Plan> {
    let config: Config = read(config)?;
    if config.ternary_modules.is_some() {
        return Err(wrong("ternary_modules are not supported: take a checkpoint with floats"));
    }
    let front = front(&config.preprocessor)?;
    let encoder = encoder(&config.encoder)?;
    let count = |pieces: &[String]| i32::try_from(pieces.len()).unwrap_or(i32::MAX).saturating_add(1);
    let Some(joint) = config.joint else {
        let pieces = config.decoder.vocabulary.ok_or_else(|| wrong("decoder.vocabulary is missing"))?;
        let ctc = Some(CtcPlan { path: "decoder.decoder_layers.0", tokens: count(&pieces) });
        let blank = pieces.len() as u32;
        return Ok(Plan { front, encoder, ctc, transducer: None, blank, pieces: Some(pieces) });
    };
    let pieces = joint.vocabulary;
    let predictor = config.decoder.prednet.ok_or_else(|| wrong("decoder.prednet is missing"))?;
    let rows = config.decoder.vocab_size.unwrap_or(count(&pieces) - 1);
    // A config of NeMo has an empty list of durations in `decoding` for models that choose none.
    let durations = config.model_defaults.tdt_durations.and(config.decoding.durations);
    let greedy = config.decoding.greedy.unwrap_or_default();
    let transducer = TransducerPlan {
        rows: if config.decoder.blank_as_pad { rows.saturating_add(1) } else { rows },
        embedding: predictor.pred_hidden,
        hidden: predictor.rnn_hidden_size.filter(|&size| size > 0).unwrap_or(predictor.pred_hidden),
        layers: predictor.pred_rnn_layers,
        joint: joint.jointnet.joint_hidden,
        activation: Activation::named(&joint.jointnet.activation.to_lowercase())?,
        tokens: count(&pieces),
        durations: durations.unwrap_or_default(),
        most: greedy.max_symbols.or(greedy.max_symbols_per_step).unwrap_or(MOST).max(1),
        start: None,
    };
    let ctc = config
        .aux_ctc
        .map(|aux| CtcPlan { path: "ctc_decoder.decoder_layers.0", tokens: count(&aux.decoder.vocabulary) });
    let blank = pieces.len() as u32;
    Ok(Plan { front, encoder, ctc, transducer: Some(transducer), blank, pieces: Some(pieces) })
}

/// Tokens of one frame, where the config does not say.
const MOST: usize = 10;

fn front(preprocessor: &Preprocessor) -> Result<FrontPlan> {
    if preprocessor.normalize != "per_feature" {
        let problem = format!("normalize is `{}`: `per_feature` is supported", preprocessor.normalize);
        return Err(wrong(problem));
    }
    let shape = match preprocessor.window.as_str() {
        "hann" => Window::Hann,
        "hamming" => Window::Hamming,
        "blackman" => Window::Blackman,
        other => return Err(wrong(format!("window `{other}` is not supported"))),
    };
    let rate = f64::from(preprocessor.sample_rate);
    Ok(FrontPlan {
        rate: preprocessor.sample_rate,
        mels: preprocessor.features,
        n_fft: preprocessor.n_fft.min(1 << 16),
        window: (preprocessor.window_size * rate) as usize,
        shape,
        hop: (preprocessor.window_stride * rate) as usize,
        preemphasis: preprocessor.preemph.unwrap_or(0.0),
        guard: preprocessor.log_zero_guard_value,
        whole: false,
    })
}

fn encoder(encoder: &Encoder) -> Result<EncoderPlan> {
    let fixed = [
        ("subsampling", &encoder.subsampling, "dw_striding"),
        ("self_attention_model", &encoder.self_attention_model, "rel_pos"),
        ("conv_norm_type", &encoder.conv_norm_type, "batch_norm"),
    ];
    if let Some((field, found, known)) = fixed.into_iter().find(|(_, found, known)| found != known) {
        return Err(wrong(format!("encoder.{field} is `{found}`: `{known}` is supported")));
    }
    if encoder.causal_downsampling {
        return Err(wrong("encoder.causal_downsampling is true, which is not supported"));
    }
    let channels = encoder.subsampling_conv_channels;
    Ok(EncoderPlan {
        mels: encoder.feat_in,
        layers: encoder.n_layers,
        width: encoder.d_model,
        heads: encoder.n_heads,
        inner: encoder.d_model.saturating_mul(encoder.ff_expansion_factor),
        kernel: encoder.conv_kernel_size,
        channels: if channels > 0 { channels } else { encoder.d_model },
        halvings: halvings(encoder.subsampling_factor)?,
        scaled: encoder.xscaling,
        bias: encoder.use_bias,
        conv_bias: encoder.use_bias,
    })
}
