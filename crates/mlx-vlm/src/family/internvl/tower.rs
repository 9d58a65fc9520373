//! The tower: tiles in, vectors of their patches out.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{LayerNorm, LayerNormOptions, Module, Weights};
use mlx_vision::{PatchEmbedding, PatchSizes};

use super::config::Vision;
use super::layer::Layer;
use super::names::Names;
use crate::Result;

/// What patches become, behind a class that is left out in the end.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    class: Array,
    patches: PatchEmbedding,
    places: Array,
    layers: Vec<Layer>,
    layernorm: Option<LayerNorm>,
    /// How many layers are run.
    #[module(skip)]
    depth: usize,
}

impl Tower {
    pub(super) fn load(w: &Weights, names: &Names, config: &Vision) -> Result<Self> {
        let [rows, columns] = config.grid;
        let sizes = PatchSizes { frames: 1, edge: config.patch, channels: 3 };
        let zeros = |shape: &[i32], _: &_| Array::zeros(shape, mlx_core::Dtype::Float32);
        let normed = !config.pools && config.depth == config.layers && w.contains("layernorm.weight");
        if !normed {
            w.ignore(|key| key.contains(".layernorm."));
        }
        let layers = w.each(names.layers, config.layers).map(|w| Layer::load(&w, names, config));
        let options = LayerNormOptions { eps: config.eps, ..LayerNormOptions::default() };
        Ok(Self {
            class: w.parameter(names.class, [1, 1, config.width], zeros)?,
            patches: PatchEmbedding::load(&w.at(names.patches), config.width, sizes, true)?,
            places: w.parameter(names.places, [1, rows * columns + 1, config.width], zeros)?,
            layers: layers.collect::<Result<_>>()?,
            layernorm: normed
                .then(|| LayerNorm::load(&w.at("layernorm"), config.width, options))
                .transpose()?,
            depth: config.depth,
        })
    }

    /// `[tiles, rows, columns, numbers] -> [tiles, rows, columns, width]`.
    pub(super) fn forward(&self, patches: &Array) -> MlxResult<Array> {
        let [tiles, rows, columns, _] = patches.dims()?;
        let x = self.patches.forward(&patches.flatten(1, 2)?)?;
        let width = x.dim(-1)?;
        let class = self.class.astype(x.dtype())?.broadcast_to([tiles, 1, width])?;
        let x = (concatenate([&class, &x], 1)? + self.places.astype(x.dtype())?)?;
        let length = rows * columns + 1;
        let groups: Vec<_> = (0..tiles).map(|_| length).collect();
        let mut x = x.flatten(0, 1)?;
        for layer in self.layers.iter().take(self.depth) {
            x = layer.forward(&x, &groups)?;
            x.eval()?;
        }
        if let Some(norm) = &self.layernorm {
            x = norm.forward(&x)?;
        }
        x.reshape([tiles, length, width])?.index((.., 1..))?.reshape([tiles, rows, columns, width])
    }
}
