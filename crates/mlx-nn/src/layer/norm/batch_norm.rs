//! Batch normalisation.

use mlx_core::{Array, Error};

use super::{Affine, filled, positive};
use crate::layer::layers;
use crate::{Module, Result, Weights};

/// Normalises each channel over the batch and its places.
///
/// It has running moments of what it was trained on, for batches that it is not trained on. Without them, it uses
/// those of the batch always.
///
/// Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift".
#[derive(Clone, Debug, Module)]
pub struct BatchNorm {
    #[module(flatten)]
    affine: Option<Affine>,
    #[module(flatten, buffer)]
    running: Option<Moments>,
    eps: f32,
    momentum: f32,
}

/// Mean and variance of each channel, both `[channels]`.
#[derive(Clone, Debug, Module)]
pub struct Moments {
    /// The means.
    pub running_mean: Array,
    /// The variances.
    pub running_var: Array,
}

/// What a [`BatchNorm`] has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormOptions {
    /// What is added to the variance.
    pub eps: f32,
    /// The part of a batch in the new running moments.
    pub momentum: f32,
    /// Whether channels are scaled and moved.
    pub affine: bool,
    /// Whether there are running moments.
    pub track_running_stats: bool,
}

impl Default for BatchNormOptions {
    fn default() -> Self {
        Self { eps: 1e-5, momentum: 0.1, affine: true, track_running_stats: true }
    }
}

impl BatchNorm {
    /// A layer with these scales, offsets and running moments; see [`BatchNormOptions`] for the rest.
    ///
    /// # Errors
    /// `eps` is not positive.
    pub fn new(affine: Option<Affine>, running: Option<Moments>, eps: f32, momentum: f32) -> Result<Self> {
        Ok(Self { affine, running, eps: positive(eps)?, momentum })
    }

    /// The layer at the path of `w`, over `channels`.
    ///
    /// # Errors
    /// `eps` is not positive.
    pub fn load(w: &Weights, channels: i32, options: BatchNormOptions) -> Result<Self> {
        let BatchNormOptions { eps, momentum, affine, track_running_stats } = options;
        let affine = affine.then(|| Affine::load(w, channels, true)).transpose()?;
        let running = track_running_stats.then(|| Moments::load(w, channels)).transpose()?;
        Self::new(affine, running, eps, momentum)
    }

    /// `x` by the running moments, or by its own if there are none: `[batch, …, channels]` of 2, 3 or 4 axes.
    #[track_caller]
    pub fn forward(&self, x: &Array) -> mlx_core::Result<Array> {
        check_rank(x)?;
        match &self.running {
            Some(Moments { running_mean, running_var }) => self.normal(x, running_mean, running_var),
            None => self.normal(x, &x.mean(&*others(x))?, &x.var(&*others(x), 0)?),
        }
    }

    /// `x` by its own moments, and the layer with running moments that are nearer to them.
    ///
    /// # Errors
    /// `x` has one value for each channel, and so no variance, or not 2, 3 or 4 axes.
    #[track_caller]
    pub fn train(&self, x: &Array) -> mlx_core::Result<(Array, Self)> {
        check_rank(x)?;
        if x.size() == x.dim(-1)? as usize {
            let message =
                format!("{x:?} has one value for each channel, which has no variance: train on more");
            return Err(Error::custom("batch_norm", message));
        }
        let axes = others(x);
        let (mean, var) = (x.mean(&*axes)?, x.var(&*axes, 0)?);
        let running = match &self.running {
            Some(Moments { running_mean, running_var }) => Some(Moments {
                running_mean: self.blend(running_mean, &mean)?,
                running_var: self.blend(running_var, &x.var(&*axes, 1)?)?,
            }),
            None => None,
        };
        Ok((self.normal(x, &mean, &var)?, Self { running, ..self.clone() }))
    }

    #[track_caller]
    fn normal(&self, x: &Array, mean: &Array, var: &Array) -> mlx_core::Result<Array> {
        let normal = ((x - mean)? * (var + self.eps)?.rsqrt()?)?;
        match &self.affine {
            Some(affine) => affine.forward(normal),
            None => Ok(normal),
        }
    }

    /// What was, with so much of what is new as the momentum says.
    #[track_caller]
    fn blend(&self, running: &Array, new: &Array) -> mlx_core::Result<Array> {
        (running * (1.0 - self.momentum))? + (new * self.momentum)?
    }
}

impl Moments {
    /// The moments of `channels` at the path of `w`, which start as zeros and ones.
    pub fn load(w: &Weights, channels: i32) -> Result<Self> {
        Ok(Self {
            running_mean: filled(w, "running_mean", channels, 0)?,
            running_var: filled(w, "running_var", channels, 1)?,
        })
    }
}

/// All axes but the channels'.
fn others(x: &Array) -> Vec<i32> {
    (0..).take(x.ndim().saturating_sub(1)).collect()
}

#[track_caller]
fn check_rank(x: &Array) -> mlx_core::Result<()> {
    match x.ndim() {
        2..=4 => Ok(()),
        _ => {
            let message = format!("{x:?} has not 2, 3 or 4 axes: it takes [batch, …, channels]");
            Err(Error::custom("batch_norm", message))
        }
    }
}

layers!(BatchNorm);
