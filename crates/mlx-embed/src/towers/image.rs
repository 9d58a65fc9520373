//! The tower for images.

use mlx_core::fast::Mask;
use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_image::{Patches, Size};
use mlx_nn::{LayerNorm, Linear, Module, Weights};

use super::config::{Config, Family};
use super::layer::{Layer, norm};
use super::pooling::AttentionPooling;
use super::positions;
use crate::layers::through;
use crate::{Error, Result};

/// Patches of images in, a vector of each out.
///
/// Dosovitskiy et al., "An Image is Worth 16x16 Words".
#[derive(Module)]
pub struct ImageTower {
    /// What a patch becomes: a convolution whose steps are as long as its kernel.
    patches: Linear,
    positions: Array,
    layers: Vec<Layer>,
    norm: LayerNorm,
    pooling: Pooling,
    #[module(skip)]
    shape: Shape,
}

/// How one vector is made of the hidden states.
#[derive(Module)]
#[expect(clippy::large_enum_variant, reason = "one for a model")]
enum Pooling {
    /// That of a place before the patches, projected.
    Class {
        class: Array,
        first_norm: LayerNorm,
        projection: Linear,
    },
    Attention(AttentionPooling),
}

/// What images are taken.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Shape {
    patch: i32,
    /// How many patches are in a column and in a row of those with positions.
    side: i32,
    /// Whether positions are interpolated for images of another shape.
    flexible: bool,
}

impl ImageTower {
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        let (body, layers) = (w.at("vision_model"), &config.image.layers);
        let (hidden, patch, side) = (layers.hidden_size, config.image.patch_size, config.side());
        let embeddings = body.at("embeddings");
        let pooling = match config.family {
            Family::Clip => Pooling::Class {
                class: embeddings.array("class_embedding", [hidden])?,
                first_norm: norm(&body, "pre_layrnorm", layers)?,
                projection: w.linear("visual_projection", [config.width, hidden])?,
            },
            _ => Pooling::Attention(AttentionPooling::load(&body.at("head"), layers)?),
        };
        let extra = i32::from(config.family == Family::Clip);
        Ok(Self {
            patches: load_patches(&embeddings.at("patch_embedding"), [hidden, patch], config.family)?,
            positions: embeddings.array("position_embedding.weight", [side * side + extra, hidden])?,
            layers: Layer::load_all(&body, layers)?,
            norm: norm(&body, "post_layernorm", layers)?,
            pooling,
            shape: Shape { patch, side, flexible: config.family == Family::Siglip2 },
        })
    }

    /// The edge of a patch in pixels.
    pub fn patch(&self) -> usize {
        usize::try_from(self.shape.patch).unwrap_or_default()
    }

    /// Vectors `[images, width]` of images that consist of equally many patches in columns and rows.
    ///
    /// # Errors
    /// The images are not of one shape, or not of the one that the model takes.
    pub fn forward(&self, images: &[Patches]) -> Result<Array> {
        let grid = images.first().map_or(Size::square(0), |image| image.grid);
        let side = usize::try_from(self.shape.side).unwrap_or_default();
        let problem = if images.iter().any(|image| image.grid != grid) {
            "images of several shapes cannot run together".to_owned()
        } else if !self.shape.flexible && grid != Size::square(side) {
            format!("images become {grid} patches, and the model takes {}", Size::square(side))
        } else {
            let values: Vec<f32> = images.iter().flat_map(|image| image.values.iter().copied()).collect();
            let sizes = [images.len(), grid.height * grid.width];
            let [count, length] = sizes.map(|size| i32::try_from(size).unwrap_or(i32::MAX));
            return Ok(self.vectors(&Array::from_vec(values, [count, length, self.shape.elements()])?, grid)?);
        };
        Err(Error::config("preprocessor_config.json", problem))
    }

    /// `[images, patches, elements] -> [images, width]`.
    fn vectors(&self, patches: &Array, grid: Size) -> MlxResult<Array> {
        let mut x = self.patches.forward(&patches.astype(self.positions.dtype())?)?;
        if let Pooling::Class { class, .. } = &self.pooling {
            x = concatenate([&class.broadcast_to([x.dim(0)?, 1, x.dim(-1)?])?, &x], 1)?;
        }
        x = if self.shape.flexible {
            (x + positions::resized(&self.positions, self.shape.side, grid)?)?
        } else {
            (x + &self.positions)?
        };
        if let Pooling::Class { first_norm, .. } = &self.pooling {
            x = first_norm.forward(&x)?;
        }
        let x = through(&self.layers, x, |layer, x| layer.forward(x, Mask::None))?;
        match &self.pooling {
            Pooling::Class { projection, .. } => projection.forward(&self.norm.forward(&x.index((.., 0))?)?),
            Pooling::Attention(pooling) => pooling.forward(&self.norm.forward(&x)?),
        }
    }
}

impl Shape {
    /// The numbers of a patch.
    fn elements(self) -> i32 {
        3 * self.patch * self.patch
    }
}

/// What a patch of `patch · patch · 3` numbers becomes, stored as a convolution, channels first, or as a linear layer.
fn load_patches(w: &Weights, [hidden, patch]: [i32; 2], family: Family) -> Result<Linear> {
    let elements = 3 * patch * patch;
    if family == Family::Siglip2 {
        return Ok(Linear::load(w, [hidden, elements], true)?);
    }
    let weight = w.array("weight", [hidden, 3, patch, patch])?;
    let weight = weight.transpose([0, 2, 3, 1])?.reshape([hidden, elements])?;
    let bias = (family == Family::Siglip).then(|| w.array("bias", [hidden])).transpose()?;
    Ok(Linear::new(weight, bias))
}
