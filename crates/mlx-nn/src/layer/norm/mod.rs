//! Layers that give their input the mean 0 and the variance 1, each over other axes.

mod affine;
mod batch_norm;
mod group_norm;
mod instance_norm;
mod layer_norm;
mod rms_norm;

pub use affine::Affine;
pub use batch_norm::{BatchNorm, BatchNormOptions, Moments};
pub use group_norm::{GroupNorm, GroupNormOptions};
pub use instance_norm::{InstanceNorm, InstanceNormOptions};
pub use layer_norm::{LayerNorm, LayerNormOptions};
pub use rms_norm::RmsNorm;

use mlx_core::{Array, Dtype};

use crate::{Error, Result, Weights, init};

/// What is added to a variance, if it is a positive number.
fn positive(eps: f32) -> Result<f32> {
    if eps > 0.0 { Ok(eps) } else { Err(Error::config("eps", format!("{eps} is not a positive number"))) }
}

/// The parameter `name` of `width` features, which starts as `value` everywhere.
fn filled(w: &Weights, name: &str, width: i32, value: i32) -> Result<Array> {
    w.parameter(name, [width], |shape, _| init::constant(shape, value, Dtype::Float32))
}
