//! Layers of long short-term memory around which the input goes, too.

use mlx_core::{Array, Result as MlxResult, stack};
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
        self.step(x, &mut None)
    }

    /// The same behind what came before, of which `state` keeps hidden states and cells, `[layers, 2, 1, width]`.
    pub(crate) fn step(&self, x: &Array, state: &mut Option<Array>) -> MlxResult<Array> {
        let (mut y, mut states) = (x.clone(), Vec::new());
        for (at, layer) in (0..).zip(&self.layers) {
            let before = |part: i32| state.as_ref().map(|state| state.index((at, part))).transpose();
            let (hidden, cells) = layer.forward(&y, before(0)?.as_ref(), before(1)?.as_ref())?;
            let last = hidden.dim(1)? - 1;
            states.push(stack([&hidden.index((.., last))?, &cells.index((.., last))?], 0)?);
            y = hidden;
        }
        *state = if states.is_empty() { None } else { Some(stack(&states, 0)?) };
        y + x
    }
}

/// PyTorch has two biases, of which only the sum matters.
fn torch(r: &Reader, width: i32, at: usize) -> Result<Lstm> {
    let take = |name: &str, shape: &[i32]| r.floats(&format!("{name}_l{at}"), shape);
    let rows = 4 * width;
    let bias = (take("bias_ih", &[rows])? + take("bias_hh", &[rows])?)?;
    Ok(Lstm::new(take("weight_ih", &[rows, width])?, take("weight_hh", &[rows, width])?, Some(bias)))
}
