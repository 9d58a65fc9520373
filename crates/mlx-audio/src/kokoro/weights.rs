//! Layers of a checkpoint, whether PyTorch or MLX named and laid them out.

use mlx_core::{Array, Dtype};
use mlx_nn::{Linear, Weights};

use crate::Result;

/// Floats of this shape.
pub(super) fn floats(w: &Weights, name: &str, shape: impl AsRef<[i32]>) -> Result<Array> {
    Ok(w.parameter(name, shape, |shape, _| Array::zeros(shape, Dtype::Float32))?)
}

/// The weight of a convolution as `[outputs, kernel, inputs]`, which PyTorch stores as `[outputs, inputs, kernel]`.
pub(super) fn kernel(w: &Weights, [outputs, inputs]: [i32; 2], kernel: i32) -> Result<Array> {
    let of_mlx = [outputs, kernel, inputs];
    if kernel != inputs && w.shape("weight") == Some(&of_mlx) {
        return floats(w, "weight", of_mlx);
    }
    Ok(floats(w, "weight", [outputs, inputs, kernel])?.swapaxes(1, 2)?)
}

pub(super) fn linear(w: &Weights, name: &str, shape: [i32; 2]) -> Result<Linear> {
    Ok(w.linear_with_bias(name, shape, true)?)
}

/// The first length of an array, of which only that is not known.
pub(super) fn first_length(w: &Weights, name: &str, otherwise: i32) -> i32 {
    w.shape(name).and_then(|shape| shape.first().copied()).filter(|&length| length > 0).unwrap_or(otherwise)
}
