//! Layers, one after the other.

use mlx_core::{Array, Device, Result};

/// What layers make of `x`. On a CPU each is computed before the next is begun: MLX begins some hundred ops ahead and holds
/// the arrays of all of them. A GPU is not waited for.
pub(crate) fn through<L>(layers: &[L], x: Array, run: impl Fn(&L, &Array) -> Result<Array>) -> Result<Array> {
    let waits = Device::current().is_cpu();
    layers.iter().try_fold(x, |x, layer| {
        let x = run(layer, &x)?;
        if waits {
            x.eval()?;
        }
        Ok(x)
    })
}
