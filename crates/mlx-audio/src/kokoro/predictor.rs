//! How long each phoneme lasts, how high the voice is, and how loud.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Conv1d, Linear, Module, Weights};

use super::block::StyleBlock;
use super::config::Config;
use super::convolution::{Shape, convolution};
use super::lstm::BiLstm;
use super::norm::AdaLayerNorm;
use super::weights::linear;
use crate::Result;

/// The predictor of prosody.
#[derive(Module)]
pub(super) struct Predictor {
    text_encoder: Vec<Step>,
    lstm: BiLstm,
    duration_proj: Linear,
    shared: BiLstm,
    f0: Curve,
    energy: Curve,
}

#[derive(Module)]
struct Step {
    lstm: BiLstm,
    norm: AdaLayerNorm,
}

/// A number for each half frame.
#[derive(Module)]
struct Curve {
    blocks: Vec<StyleBlock>,
    proj: Conv1d,
}

impl Predictor {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let (width, style) = (config.hidden_dim, config.style_dim);
        let lstms = w.at("text_encoder.lstms");
        let step = |at: usize| {
            Ok(Step {
                lstm: BiLstm::load(&lstms.at(2 * at), width + style, width)?,
                norm: AdaLayerNorm::load(&lstms.at(2 * at + 1), width, style)?,
            })
        };
        Ok(Self {
            text_encoder: (0..config.n_layer).map(step).collect::<Result<_>>()?,
            lstm: BiLstm::load(&w.at("lstm"), width + style, width)?,
            duration_proj: linear(w, "duration_proj.linear_layer", [config.max_dur, width])?,
            shared: BiLstm::load(&w.at("shared"), width + style, width)?,
            f0: Curve::load(w, "F0", config)?,
            energy: Curve::load(w, "N", config)?,
        })
    }

    /// Phonemes with the style: `[1, length, hidden] -> [1, length, hidden + style]`.
    pub(super) fn encode(&self, x: &Array, style: &Array) -> MlxResult<Array> {
        let [_, length, _] = x.dims()?;
        let beside = style.expand_dims(1)?.repeat(length, 1)?;
        let mut x = concatenate(&[x.clone(), beside.clone()], -1)?;
        for Step { lstm, norm } in &self.text_encoder {
            let y = norm.forward(&lstm.forward(&x)?, style)?;
            x = concatenate(&[y, beside.clone()], -1)?;
        }
        Ok(x)
    }

    /// Frames of each phoneme, as fractions: `[1, length, hidden + style] -> [length]`.
    pub(super) fn durations(&self, x: &Array) -> MlxResult<Array> {
        self.duration_proj.forward(&self.lstm.forward(x)?)?.sigmoid()?.sum(-1)?.squeeze(0)
    }

    /// Height and loudness of frames `[1, frames, hidden + style]`: `[1, 2 · frames, 1]` each.
    pub(super) fn curves(&self, x: &Array, style: &Array) -> MlxResult<[Array; 2]> {
        let shared = self.shared.forward(x)?;
        Ok([self.f0.forward(&shared, style)?, self.energy.forward(&shared, style)?])
    }
}

impl Curve {
    fn load(w: &Weights, name: &str, config: &Config) -> Result<Self> {
        let (width, style) = (config.hidden_dim, config.style_dim);
        let (half, list) = (width / 2, w.at(name));
        let proj = w.at(format!("{name}_proj"));
        Ok(Self {
            blocks: vec![
                StyleBlock::load(&list.at(0), [width, width], style, false)?,
                StyleBlock::load(&list.at(1), [half, width], style, true)?,
                StyleBlock::load(&list.at(2), [half, half], style, false)?,
            ],
            proj: convolution(&proj, [1, half], Shape::same(1, 1), true)?,
        })
    }

    fn forward(&self, x: &Array, style: &Array) -> MlxResult<Array> {
        let x = self.blocks.iter().try_fold(x.clone(), |x, block| block.forward(&x, style))?;
        self.proj.forward(&x)
    }
}
