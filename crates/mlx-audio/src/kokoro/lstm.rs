//! Long short-term memory in both directions.

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_nn::{Lstm, Module, Weights};

use super::weights::floats;
use crate::Result;

/// Two layers, one of which goes backwards.
#[derive(Module)]
pub(super) struct BiLstm {
    forward: Lstm,
    backward: Lstm,
}

/// What PyTorch and MLX call the parts of a direction.
const NAMES: [[[&str; 4]; 2]; 2] = [
    [
        ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"],
        ["Wx_forward", "Wh_forward", "bias_ih_forward", "bias_hh_forward"],
    ],
    [
        ["weight_ih_l0_reverse", "weight_hh_l0_reverse", "bias_ih_l0_reverse", "bias_hh_l0_reverse"],
        ["Wx_backward", "Wh_backward", "bias_ih_backward", "bias_hh_backward"],
    ],
];

impl BiLstm {
    /// From `inputs` features to `width`, half of them from each direction.
    pub(super) fn load(w: &Weights, inputs: i32, width: i32) -> Result<Self> {
        let [forward, backward] = NAMES.map(|names| direction(w, names, inputs, width / 2));
        Ok(Self { forward: forward?, backward: backward? })
    }

    /// `[1, length, inputs] -> [1, length, width]`.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let (forward, _) = self.forward.forward(x, None, None)?;
        let (backward, _) = self.backward.forward(&x.flip(1)?, None, None)?;
        concatenate(&[forward, backward.flip(1)?], -1)
    }
}

fn direction(w: &Weights, [torch, mlx]: [[&str; 4]; 2], inputs: i32, hidden: i32) -> Result<Lstm> {
    let [wx, wh, input, state] = if mlx.iter().any(|name| w.contains(name)) { mlx } else { torch };
    let rows = 4 * hidden;
    let bias = (floats(w, input, [rows])? + floats(w, state, [rows])?)?;
    Ok(Lstm::new(floats(w, wx, [rows, inputs])?, floats(w, wh, [rows, hidden])?, Some(bias)))
}
