//! Products of two halves, one of which is a gate.

use mlx_core::{Array, Error, Result, fast};

/// `a · σ(b)`, where `a` and `b` are the halves of `x` along `axis`, which loses half its length.
///
/// Dauphin et al., "Language Modeling with Gated Convolutional Networks".
///
/// # Errors
/// The axis has an odd length.
#[track_caller]
pub fn glu(x: &Array, axis: i32) -> Result<Array> {
    let length = x.dim(axis)?;
    match x.split_at([length / 2], axis)?.as_slice() {
        [a, b] if length % 2 == 0 => a * b.sigmoid(),
        _ => {
            let message = format!("axis {axis} of {x:?} has an odd length, so it has no halves");
            Err(Error::custom("glu", message))
        }
    }
}

/// `silu(gate) · up`, the gate of most feed-forward layers.
///
/// Shazeer, "GLU Variants Improve Transformer".
#[track_caller]
pub fn swiglu(gate: &Array, up: &Array) -> Result<Array> {
    fast::gated(fast::Activation::Silu, gate, up)
}
