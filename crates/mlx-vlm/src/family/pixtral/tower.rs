//! The tower: patches of an image of any shape in, vectors of each out.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Module, RmsNorm, Weights};
use mlx_vision::{Attention, AttentionNames, FeedForward, PatchEmbedding, PatchSizes, Rotation};

use super::config::Vision;
use crate::Result;

/// What patches become.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    patch_conv: PatchEmbedding,
    ln_pre: RmsNorm,
    layers: Vec<Layer>,
    head_width: i32,
    base: f32,
    /// Numbers of the states that are looked at.
    #[module(skip)]
    states: Vec<usize>,
}

/// A layer of the tower.
#[derive(Module)]
#[module(no_tree)]
struct Layer {
    attention_norm: RmsNorm,
    attention: Attention,
    ffn_norm: RmsNorm,
    feed_forward: FeedForward,
}

/// What norms add to the mean square.
const EPS: f32 = 1e-5;

impl Tower {
    pub(super) fn load(w: &Weights, config: &Vision, states: Vec<usize>) -> Result<Self> {
        let sizes = PatchSizes { frames: 1, edge: config.patch, channels: 3 };
        let layers = w.at("transformer").each("layers", config.layers).map(|w| Layer::load(&w, config));
        Ok(Self {
            patch_conv: PatchEmbedding::load(&w.at("patch_conv"), config.width, sizes, false)?,
            ln_pre: w.rms_norm("ln_pre", config.width, EPS)?,
            layers: layers.collect::<Result<_>>()?,
            head_width: config.width / config.heads,
            base: config.base,
            states,
        })
    }

    /// `[1, rows, columns, numbers] -> [patches, width]`, the features of several states side by side.
    pub(super) fn forward(&self, patches: &Array) -> MlxResult<Array> {
        let [_, rows, columns, _] = patches.dims()?;
        let places: Vec<_> =
            (0..rows).flat_map(|row| (0..columns).map(move |column| [row, column])).collect();
        let rotation = Rotation::between(&places, self.head_width, self.base)?;
        let mut x = self.ln_pre.forward(&self.patch_conv.forward(&patches.flatten(0, 2)?)?)?;
        let mut states = vec![x.clone()];
        for layer in &self.layers {
            x = layer.forward(&x, &rotation)?;
            x.eval()?;
            states.push(x.clone());
        }
        let wanted: Vec<_> = self.states.iter().filter_map(|&number| states.get(number)).collect();
        concatenate(wanted, -1)
    }
}

impl Layer {
    fn load(w: &Weights, config: &Vision) -> Result<Self> {
        let names = AttentionNames::Apart(["q_proj", "k_proj", "v_proj", "o_proj"]);
        let Vision { width, inner, heads, .. } = *config;
        Ok(Self {
            attention_norm: w.rms_norm("attention_norm", width, EPS)?,
            attention: Attention::load(&w.at("attention"), names, [width, heads], false)?,
            ffn_norm: w.rms_norm("ffn_norm", width, EPS)?,
            feed_forward: FeedForward::gated(
                &w.at("feed_forward"),
                [width, inner],
                false,
                config.activation()?,
            )?,
        })
    }

    fn forward(&self, x: &Array, rotation: &Rotation) -> MlxResult<Array> {
        let x = self.attention.forward(&self.attention_norm.forward(x)?, Some(rotation), &[], x)?;
        self.feed_forward.forward(&self.ffn_norm.forward(&x)?, &x)
    }
}
