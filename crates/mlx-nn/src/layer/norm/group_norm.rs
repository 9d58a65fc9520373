//! Group normalisation.

use mlx_core::{Array, fast, keep};

use super::{Affine, positive};
use crate::{Error, Module, Result};

/// Normalises groups of channels over their places.
///
/// Wu and He, "Group Normalization".
#[derive(Clone, Debug, Module)]
pub struct GroupNorm {
    #[module(flatten)]
    affine: Option<Affine>,
    groups: i32,
    eps: f32,
    pytorch_compatible: bool,
}

/// What a [`GroupNorm`] has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroupNormOptions {
    /// What is added to the variance.
    pub eps: f32,
    /// Whether channels are scaled and moved.
    pub affine: bool,
    /// Whether a group is of channels that follow each other, as in PyTorch; else it takes every so many.
    pub pytorch_compatible: bool,
}

impl Default for GroupNormOptions {
    fn default() -> Self {
        Self { eps: 1e-5, affine: true, pytorch_compatible: false }
    }
}

impl GroupNorm {
    /// A layer of `groups` with these scales and offsets. Whether there are any is not read in `options`.
    ///
    /// # Errors
    /// `eps` or the number of groups is not positive, or the groups do not divide the channels.
    pub fn new(affine: Option<Affine>, groups: i32, options: GroupNormOptions) -> Result<Self> {
        if groups <= 0 {
            return Err(Error::config("num_groups", format!("{groups} is not a positive number")));
        }
        let channels = affine.as_ref().map_or(groups, |affine| affine.weight.size() as i32);
        divided(channels, groups)?;
        let GroupNormOptions { eps, pytorch_compatible, .. } = options;
        Ok(Self { affine, groups, eps: positive(eps)?, pytorch_compatible })
    }

    /// `[batch, …, channels] -> [batch, …, channels]`.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> mlx_core::Result<Array> {
        let normal = if self.pytorch_compatible { self.of_neighbours(x)? } else { self.of_strides(x)? };
        let normal = normal.reshape(x.shape())?;
        match &self.affine {
            Some(affine) => affine.forward(normal),
            None => Ok(normal),
        }
    }

    /// Normal channels, `[batch, places, groups, channels / groups]`.
    #[track_caller]
    fn of_neighbours(&self, x: &Array) -> mlx_core::Result<Array> {
        let (batch, channels) = (x.dim(0)?, x.dim(-1)?);
        let x = x.reshape([batch, -1, self.groups, channels / self.groups])?.swapaxes(1, 2)?;
        let normal = fast::layer_norm(&x.flatten(2, -1)?, None, None, self.eps)?;
        normal.reshape(x.shape())?.swapaxes(1, 2)
    }

    /// Normal channels, `[batch, places · channels / groups, groups]`.
    #[track_caller]
    fn of_strides(&self, x: &Array) -> mlx_core::Result<Array> {
        let x = x.reshape([x.dim(0)?, -1, self.groups])?;
        let scale = (x.var(keep(1), 0)? + self.eps)?.rsqrt()?;
        (&x - x.mean(keep(1))?)? * scale
    }
}

/// Refuses groups that do not divide the channels.
fn divided(channels: i32, groups: i32) -> Result<()> {
    if channels % groups == 0 {
        return Ok(());
    }
    let problem = format!("{channels} channels do not make {groups} groups of one size");
    Err(Error::config("num_groups", problem))
}
