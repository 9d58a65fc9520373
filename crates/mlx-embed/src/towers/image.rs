//! The tower for images.

use mlx_core::{Array, Result as MlxResult};
use mlx_image::{Patches, Size};
use mlx_nn::{Linear, Module, Weights};
use mlx_vision::{PatchPlaces, Vit, VitSizes};

use super::config::{Config, Family};
use super::pooling::AttentionPooling;
use crate::{Error, Result};

/// Patches of images in, a vector of each out.
///
/// Dosovitskiy et al., "An Image is Worth 16x16 Words".
#[derive(Module)]
#[module(no_tree)]
pub struct ImageTower {
    vision_model: Vit,
    pooling: Pooling,
    #[module(skip)]
    shape: Shape,
}

/// How one vector is made of the hidden states.
#[derive(Module)]
#[module(no_tree)]
#[expect(clippy::large_enum_variant, reason = "one for a model")]
enum Pooling {
    /// That of a place before the patches, projected.
    Class {
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
        let (patch, side, encoder) = (config.image.patch_size, config.side(), layers.sizes()?);
        let clip = config.family == Family::Clip;
        let pooling = if clip {
            Pooling::Class { projection: w.linear("visual_projection", [config.width, encoder.width])? }
        } else {
            Pooling::Attention(AttentionPooling::load(&body.at("head"), &encoder)?)
        };
        Ok(Self {
            vision_model: Vit::load_before_head(
                &body,
                &VitSizes { encoder, patch, channels: 3, side, clip },
            )?,
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
        let edges = [grid.height, grid.width].map(|edge| i32::try_from(edge).unwrap_or(i32::MAX));
        let places = if self.shape.flexible { PatchPlaces::Resized(edges) } else { PatchPlaces::Square };
        let x = self.vision_model.forward(patches, places)?;
        match &self.pooling {
            Pooling::Class { projection } => projection.forward(&x.index((.., 0))?),
            Pooling::Attention(pooling) => pooling.forward(&x),
        }
    }
}

impl Shape {
    /// The numbers of a patch.
    fn elements(self) -> i32 {
        3 * self.patch * self.patch
    }
}
