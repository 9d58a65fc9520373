//! How far ahead of what is computed a pass is begun.

use mlx_core::{Array, Device, Result};

use super::KvCache;

/// How far ahead of what is computed a pass is begun.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Pace {
    /// As far as MLX will.
    #[default]
    Free,
    /// By a layer.
    LayerByLayer,
}

impl Pace {
    /// Waits for what goes into a layer, if it must be there first.
    pub(crate) fn before_layer(self, hidden: &Array) -> Result<()> {
        match self {
            Self::LayerByLayer => hidden.eval(),
            Self::Free => Ok(()),
        }
    }
}

impl KvCache {
    /// Does a pass over many tokens in less memory: on a CPU, what goes into a layer is computed before the layer is begun. MLX
    /// begins about a hundred ops ahead and holds the arrays of all of them. A GPU is not waited for.
    ///
    /// Such a pass cannot be traced, as by [`mlx_core::transform::grad`].
    pub fn layer_by_layer<T>(&mut self, pass: impl FnOnce(&mut Self) -> T) -> T {
        if Device::current().is_cpu() {
            self.pace = Pace::LayerByLayer;
        }
        let result = pass(self);
        self.pace = Pace::Free;
        result
    }
}
