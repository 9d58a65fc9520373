//! Instance normalisation.

use mlx_core::{Array, Error, fast};

use super::{Affine, positive};
use crate::layer::layers;
use crate::{Module, Result, Weights};

/// Normalises each channel of each instance over its places.
///
/// Ulyanov et al., "Instance Normalization: The Missing Ingredient for Fast Stylization".
#[derive(Clone, Debug, Module)]
pub struct InstanceNorm {
    #[module(flatten)]
    affine: Option<Affine>,
    eps: f32,
}

/// What an [`InstanceNorm`] has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceNormOptions {
    /// What is added to the variance.
    pub eps: f32,
    /// Whether channels are scaled and moved.
    pub affine: bool,
}

impl Default for InstanceNormOptions {
    fn default() -> Self {
        Self { eps: 1e-5, affine: false }
    }
}

impl InstanceNorm {
    /// A layer with these scales and offsets; `eps` is added to the variance.
    ///
    /// # Errors
    /// `eps` is not positive.
    pub fn new(affine: Option<Affine>, eps: f32) -> Result<Self> {
        Ok(Self { affine, eps: positive(eps)? })
    }

    /// The layer at the path of `w`, over `channels`.
    ///
    /// # Errors
    /// `eps` is not positive.
    pub fn load(w: &Weights, channels: i32, options: InstanceNormOptions) -> Result<Self> {
        let affine = options.affine.then(|| Affine::load(w, channels, true)).transpose()?;
        Self::new(affine, options.eps)
    }

    /// `[batch, …, channels] -> [batch, …, channels]`, with at least one axis of places.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> mlx_core::Result<Array> {
        if x.ndim() < 3 {
            let message = format!("{x:?} has no places: it takes [batch, …, channels] with 3 axes or more");
            return Err(Error::custom("instance_norm", message));
        }
        let channels_first = x.moveaxis(-1, 1)?;
        let flat = channels_first.flatten(2, -1)?;
        let normal = fast::layer_norm(&flat, None, None, self.eps)?;
        let normal = normal.reshape(channels_first.shape())?.moveaxis(1, -1)?;
        match &self.affine {
            Some(affine) => affine.forward(normal),
            None => Ok(normal),
        }
    }
}

layers!(InstanceNorm);
