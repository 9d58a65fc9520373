//! Group normalisation.

use mlx_core::{Array, fast, keep};

use super::{Affine, positive};
use crate::layer::layers;
use crate::{Error, Module, Result, Weights};

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
    /// A layer of `groups` with these scales and offsets; see [`GroupNormOptions`] for the rest.
    ///
    /// # Errors
    /// `eps` or the number of groups is not positive.
    pub fn new(affine: Option<Affine>, groups: i32, eps: f32, pytorch_compatible: bool) -> Result<Self> {
        if groups <= 0 {
            return Err(Error::config("num_groups", format!("{groups} is not a positive number")));
        }
        Ok(Self { affine, groups, eps: positive(eps)?, pytorch_compatible })
    }

    /// The layer at the path of `w`, of `groups` of `channels`.
    ///
    /// # Errors
    /// As [`new`](Self::new), or the groups do not divide the channels.
    pub fn load(w: &Weights, groups: i32, channels: i32, options: GroupNormOptions) -> Result<Self> {
        if groups > 0 && channels % groups != 0 {
            return Err(Error::config("num_groups", indivisible(groups, channels)));
        }
        let GroupNormOptions { eps, affine, pytorch_compatible } = options;
        let affine = affine.then(|| Affine::load(w, channels, true)).transpose()?;
        Self::new(affine, groups, eps, pytorch_compatible)
    }

    /// `[batch, …, channels] -> [batch, …, channels]`.
    ///
    /// # Errors
    /// The groups do not divide the channels.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> mlx_core::Result<Array> {
        let channels = x.dim(-1)?;
        if channels % self.groups != 0 {
            return Err(mlx_core::Error::custom("group_norm", indivisible(self.groups, channels)));
        }
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

fn indivisible(groups: i32, channels: i32) -> String {
    format!("{channels} channels do not make {groups} groups of one size")
}

layers!(GroupNorm);
