//! The tower: SigLIP for slices of any shape.

use mlx_core::{Array, Device, Dtype, Result as MlxResult};
use mlx_nn::{LayerNorm, Module, Weights};
use mlx_vision::{EncoderLayer, PatchEmbedding, PatchSizes, VitSizes};

use super::merger::Window;
use crate::family::places::{Shares, places};
use crate::family::tubelets::list;
use crate::{Error, Result};

/// Patches of slices in, vectors of them, or of squares of them, out.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Tower {
    patch_embedding: PatchEmbedding,
    position_embedding: Array,
    layers: Vec<EncoderLayer>,
    post_layernorm: LayerNorm,
    merging: Option<Merging>,
    side: i32,
}

/// What merges patches within the tower.
#[derive(Module)]
#[module(no_tree)]
struct Merging {
    #[module(skip)]
    behind: usize,
    window: Window,
}

impl Tower {
    /// The tower at the path of `w`, and what merges patches behind one of its layers.
    pub(super) fn load(w: &Weights, vit: &VitSizes, merging: Option<(usize, &Weights)>) -> Result<Self> {
        w.ignore(|key| key.ends_with("embeddings.position_ids"));
        let sizes = &vit.encoder;
        let merging = merging
            .map(|(behind, w)| Ok::<_, Error>(Merging { behind, window: Window::load(w, sizes)? }))
            .transpose()?;
        let patches = PatchSizes { frames: 1, edge: vit.patch, channels: vit.channels };
        let (embeddings, side) = (w.at("embeddings"), vit.side);
        Ok(Self {
            patch_embedding: PatchEmbedding::load(
                &embeddings.at("patch_embedding"),
                sizes.width,
                patches,
                true,
            )?,
            position_embedding: embeddings.parameter(
                "position_embedding.weight",
                [side * side, sizes.width],
                |shape, _| Array::zeros(shape, Dtype::Float32),
            )?,
            layers: w
                .each("encoder.layers", sizes.layers)
                .map(|w| Ok(EncoderLayer::load(&w, sizes)?))
                .collect::<Result<_>>()?,
            post_layernorm: sizes.norm(w, "post_layernorm")?,
            merging,
            side,
        })
    }

    /// `[slices, rows, columns, numbers] -> [slices, rows, columns, width]`, with half as many rows and columns if the
    /// tower merges. Patches see those of their slice.
    pub(super) fn forward(&self, patches: &Array) -> MlxResult<Array> {
        let [slices, rows, columns, _] = patches.dims()?;
        let mut shape = [slices, rows, columns, self.position_embedding.dim(-1)?];
        let places = list(&places([rows, columns], self.side, Shares::Divided))?;
        let own = self.position_embedding.take(&places, 0)?;
        let mut x = (self.patch_embedding.forward(&patches.flatten(1, 2)?)? + own)?.flatten(0, 1)?;
        for (layer, at) in self.layers.iter().zip(0..) {
            let [slices, rows, columns, _] = shape;
            let groups = vec![rows * columns; slices.unsigned_abs() as usize];
            x = layer.forward(&x, &groups)?;
            if let Some(merging) = self.merging.as_ref().filter(|merging| merging.behind == at) {
                let merged = merging.window.forward(&x.reshape(shape)?)?;
                shape = merged.dims()?;
                x = merged.flatten(0, 2)?;
            }
            if Device::current().is_cpu() {
                x.eval()?;
            }
        }
        self.post_layernorm.forward(&x)?.reshape(shape)
    }
}
