//! Convolutions whose weights have channels first, as PyTorch stores them, or last, as MLX does.

use mlx_core::{Array, Conv, Dtype, Result as MlxResult};
use mlx_nn::{Conv2d, Weights};

use crate::Result;

/// The layer at the path of `w`, of `[outputs, inputs]` channels and a square kernel.
pub(super) fn load(w: &Weights, [output, input]: [i32; 2], kernel: i32, how: Conv<2>) -> Result<Conv2d> {
    let zeros = |shape: &[i32], _: &_| -> MlxResult<Array> { Array::zeros(shape, Dtype::Float32) };
    let each = input / how.groups;
    let last = [output, kernel, kernel, each];
    let weight = if w.shape("weight") == Some(&last) {
        w.parameter("weight", last, zeros)?
    } else {
        w.parameter("weight", [output, each, kernel, kernel], zeros)?.transpose([0, 2, 3, 1])?
    };
    Ok(Conv2d::new(weight, Some(w.parameter("bias", [output], zeros)?), how))
}
