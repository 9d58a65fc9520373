//! Alternating updates: several hidden states, of which each layer works on one.
//!
//! Baykal et al., "Alternating Updates for Efficient Transformers".

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate, keep, stack};
use mlx_nn::{Linear, Module, Weights, init};
use serde::Deserialize;

use crate::config::{Config, positive, size};
use crate::model::part::{Frame, Norm};
use crate::{Error, Result};

/// From a hidden state to several, and back.
#[derive(Module)]
pub(super) struct Streams {
    altup_projections: Vec<Linear>,
    altup_unembed_projections: Vec<Linear>,
}

impl Streams {
    /// So many streams in the scope `w`.
    pub(super) fn load(w: &Weights, hidden: i32, count: i32) -> Result<Self> {
        let list = |name: &str| {
            let list = w.at(name);
            (0..count - 1).map(|at| Ok(list.linear(&at.to_string(), [hidden; 2])?)).collect::<Result<_>>()
        };
        Ok(Self {
            altup_projections: list("altup_projections")?,
            altup_unembed_projections: list("altup_unembed_projections")?,
        })
    }

    /// `[batch, length, hidden] -> [streams, batch, length, hidden]`.
    pub(super) fn open(&self, h: &Array) -> MlxResult<Array> {
        let others = self.altup_projections.iter().map(|projection| projection.forward(h));
        spread(h, others.collect::<MlxResult<_>>()?)
    }

    /// `[streams, batch, length, hidden] -> [batch, length, hidden]`.
    pub(super) fn close(&self, h: &Array) -> MlxResult<Array> {
        let others = (1..).zip(&self.altup_unembed_projections);
        let others = others.map(|(at, projection)| projection.forward(&h.index(at)?));
        spread(&h.index(0)?, others.collect::<MlxResult<_>>()?)?.mean(0)
    }
}

/// `h` and the others, scaled to its magnitude.
fn spread(h: &Array, others: Vec<Array>) -> MlxResult<Array> {
    let power = |x: &Array| x.square()?.mean(keep(-1));
    let magnitude = power(h)?.sqrt()?;
    let mut all = vec![h.clone()];
    for other in others {
        let own = power(&other)?.maximum(1e-5)?.sqrt()?;
        all.push((other * (&magnitude / own)?)?);
    }
    stack(&all, 0)
}

/// What a config says of it.
#[derive(Clone, Copy)]
pub(super) struct AltUpOptions {
    pub(super) streams: i32,
    active: i32,
    clip: Option<f32>,
    scaled: bool,
}

#[derive(Deserialize)]
struct Stored {
    altup_num_inputs: i32,
    altup_active_idx: i32,
    altup_coef_clip: Option<f32>,
    altup_correct_scale: bool,
}

impl AltUpOptions {
    /// What `config` says.
    ///
    /// # Errors
    /// A number is out of its range.
    pub(super) fn read(config: &Config) -> Result<Self> {
        let stored: Stored = config.parse()?;
        let (streams, active) = (size("altup_num_inputs", stored.altup_num_inputs)?, stored.altup_active_idx);
        if !(0..streams).contains(&active) {
            let message = format!("altup_active_idx is {active}: it must be at least 0 and below {streams}");
            return Err(Error::Config(message));
        }
        let clip = stored.altup_coef_clip.map(|clip| positive("altup_coef_clip", clip)).transpose()?;
        Ok(Self { streams, active, clip, scaled: stored.altup_correct_scale })
    }
}

/// What a layer expects of all streams, and how it corrects them by the one that it works on.
#[derive(Module)]
pub(super) struct AltUp {
    correct_output_scale: Array,
    #[module(flatten)]
    coefs: Coefs,
    modality_router: Linear,
    router_norm: Norm,
    hidden: i32,
    streams: i32,
    active: i32,
    scaled: bool,
}

/// Matrices of a few numbers, which are computed with in `float32`.
#[derive(Module)]
struct Coefs {
    #[module(name = "correction_coefs.weight")]
    correction: Array,
    #[module(name = "prediction_coefs.weight")]
    prediction: Array,
}

impl AltUp {
    /// The layer's part at the path of `w`.
    pub(super) fn load(w: &Weights, frame: &Frame, options: AltUpOptions) -> Result<Self> {
        let (hidden, AltUpOptions { streams, active, clip, scaled }) = (frame.sizes.hidden, options);
        let reach = (streams as f32).powf(-0.5);
        let draw = |shape: &[i32], key: &Key| init::uniform(shape, -reach, reach, Dtype::Float32, key);
        let coefs = |name: &str, outputs: i32| {
            let coefs = w.at(name).parameter("weight", [outputs, streams], draw)?;
            Ok::<_, Error>(clip.map(|clip| coefs.clip(-clip..=clip)).transpose()?.unwrap_or(coefs))
        };
        let zeros = |shape: &[i32], _: &Key| Array::zeros(shape, Dtype::Float32);
        Ok(Self {
            correct_output_scale: w.parameter("correct_output_scale", [hidden], zeros)?,
            coefs: Coefs {
                correction: coefs("correction_coefs", streams)?,
                prediction: coefs("prediction_coefs", streams.saturating_mul(streams))?,
            },
            modality_router: w.linear("modality_router", [streams, hidden])?,
            router_norm: frame.norm(w, "router_norm")?,
            hidden,
            streams,
            active,
            scaled,
        })
    }

    /// The stream `[batch, length, hidden]` that the layer works on.
    pub(super) fn active(&self, h: &Array) -> MlxResult<Array> {
        h.index(self.active)
    }

    /// What streams `[streams, batch, length, hidden]` are expected to be after the layer.
    pub(super) fn predict(&self, h: &Array) -> MlxResult<Array> {
        let [_, batch, length, _] = h.dims()?;
        let coefs = self.routed(&self.active(h)?)?.matmul(&self.coefs.prediction.t()?)?;
        let coefs = coefs.reshape([batch, length, self.streams, self.streams])?.swapaxes(-1, -2)?;
        let wide = h.astype(Dtype::Float32)?;
        let change = wide.transpose([1, 2, 3, 0])?.matmul(&coefs)?.transpose([3, 0, 1, 2])?;
        (change + wide)?.astype(h.dtype())
    }

    /// The predicted streams, each moved by how far what the layer made of the active one is from its prediction.
    pub(super) fn correct(&self, predicted: &Array, made: &Array) -> MlxResult<Array> {
        let coefs = (self.routed(made)?.matmul(&self.coefs.correction.t()?)? + 1.0)?;
        let coefs = coefs.moveaxis(-1, 0)?.expand_dims(-1)?;
        let surprise = (made - self.active(predicted)?)?;
        ((surprise.expand_dims(0)? * coefs)? + predicted)?.astype(made.dtype())
    }

    /// The active one of corrected streams, as it takes up the layer's input.
    pub(super) fn scaled(&self, corrected: &Array) -> MlxResult<Array> {
        let active = self.active(corrected)?;
        if self.scaled { active * &self.correct_output_scale } else { Ok(active) }
    }

    /// `[batch, length, hidden] -> [batch, length, streams]`, between -1 and 1.
    fn routed(&self, x: &Array) -> MlxResult<Array> {
        let x = (self.router_norm.forward(x)? / self.hidden as f32)?;
        self.modality_router.forward(&x)?.astype(Dtype::Float32)?.tanh()
    }
}

/// Streams, to all of which but the first `change` is added.
pub(super) fn add_to_others(h: &Array, change: &Array) -> MlxResult<Array> {
    concatenate([&h.index(..1)?, &(h.index(1..)? + change)?], 0)
}
