//! What the config of a dense decoder says, whatever the family.

use mlx_nn::{Rope, Weights};
use serde::Deserialize;

use super::{Activation, AttentionOptions, GatedOptions, Norm, Norms, Rotation, Sizes, Windows};
use crate::Result;
use crate::config::Config;

/// The settings that all families have, with the meaning that most give them.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) sizes: Sizes,
    pub(crate) norms: Norms,
    pub(crate) windows: Windows,
    /// The head is the embedding. Where the config does not say it, it is so if there is no head.
    pub(crate) tied: Option<bool>,
    /// What embeddings are multiplied by.
    pub(crate) embedding_scale: Option<f32>,
    /// What scores stay below.
    pub(crate) softcap: Option<f32>,
    /// The name of the norm behind the last layer.
    pub(crate) last_norm: &'static str,
    rotation: Rotation,
    activation: Activation,
}

#[derive(Deserialize)]
struct Stored {
    tie_word_embeddings: Option<bool>,
}

impl Frame {
    /// What `config` says. Where it has a window but no `layer_types`, the family says which layers it `slides` over.
    pub(crate) fn read(config: &Config, slides: impl FnMut(usize) -> bool) -> Result<Self> {
        let sizes = Sizes::read(config)?;
        let windows = Windows::read(config, sizes.layers, slides)?;
        Self::new(config, sizes, windows)
    }

    /// What `config` says of a decoder whose layers are of other kinds than those that see all and those that slide:
    /// its family reads `layer_types`.
    pub(crate) fn hybrid(config: &Config) -> Result<Self> {
        let sizes = Sizes::read(config)?;
        Self::new(config, sizes, Windows::none(sizes.layers))
    }

    fn new(config: &Config, sizes: Sizes, windows: Windows) -> Result<Self> {
        Ok(Self {
            sizes,
            norms: Norms::read(config)?,
            windows,
            tied: config.parse::<Stored>()?.tie_word_embeddings,
            embedding_scale: None,
            softcap: None,
            last_norm: "norm",
            rotation: Rotation::read(config)?,
            activation: Activation::read(config)?,
        })
    }

    /// The attention of a layer, with its RoPE.
    pub(crate) fn attention(&self, layer: usize) -> Result<AttentionOptions> {
        let rope = Some(self.rope(layer, self.sizes.head_dim)?);
        Ok(AttentionOptions { rope, ..AttentionOptions::default() })
    }

    /// The RoPE of a layer whose heads are so wide.
    pub(crate) fn rope(&self, layer: usize, head_dim: i32) -> Result<Rope> {
        self.rotation.rope(self.windows.slides(layer), head_dim)
    }

    /// What the scale of scores is multiplied by for queries, and again for keys, where RoPE leaves that to them.
    pub(crate) fn attention_growth(&self) -> f32 {
        self.rotation.attention_growth()
    }

    /// The gated layers, with their activation.
    pub(crate) fn mlp(&self) -> GatedOptions {
        GatedOptions { activation: self.activation, ..GatedOptions::default() }
    }

    /// Lets layers beyond those of the config be left over: they predict tokens after the next.
    pub(crate) fn ignore_predictors(&self, w: &Weights) {
        let layers = self.sizes.layers;
        w.at("model.layers").ignore(|key| {
            let numbers = key.split(".layers.").nth(1).and_then(|rest| rest.split('.').next());
            numbers.and_then(|number| number.parse::<usize>().ok()).is_some_and(|number| number >= layers)
        });
    }

    /// The norm `name` of hidden states.
    pub(crate) fn norm(&self, w: &Weights, name: &str) -> Result<Norm> {
        self.norms.load(w, name, self.sizes.hidden)
    }
}
