//! Layers of long short-term memory around which the input goes, too.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Lstm, Module};

use super::reader::Reader;
use crate::Result;

/// The layers.
#[derive(Module)]
pub(crate) struct Lstms {
    layers: Vec<Lstm>,
}

impl Lstms {
    /// The layers under `lstm`, as PyTorch names them or as MLX does.
    pub(crate) fn load(r: &Reader, width: i32, count: usize) -> Result<Self> {
        let r = r.at("lstm");
        let is_mlx = r.w.contains("0.Wx");
        let layer = |at: usize| {
            if is_mlx { Ok(Lstm::load(&r.w.at(at), width, width, true)?) } else { torch(&r, width, at) }
        };
        Ok(Self { layers: (0..count).map(layer).collect::<Result<_>>()? })
    }

    /// `[1, length, width] -> [1, length, width]`.
    pub(crate) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let layer = |x: Array, layer: &Lstm| Ok(layer.forward(&x, None, None)?.0);
        self.layers.iter().try_fold(x.clone(), layer)? + x
    }
}

/// PyTorch has two biases, of which only the sum matters.
fn torch(r: &Reader, width: i32, at: usize) -> Result<Lstm> {
    let take = |name: &str, shape: &[i32]| r.floats(&format!("{name}_l{at}"), shape);
    let rows = 4 * width;
    let bias = (take("bias_ih", &[rows])? + take("bias_hh", &[rows])?)?;
    Ok(Lstm::new(take("weight_ih", &[rows, width])?, take("weight_hh", &[rows, width])?, Some(bias)))
}
