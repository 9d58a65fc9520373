//! The layer of long short-term memory.

use mlx_core::{Array, Result};

use super::{Parameters, affine, elements, parts, plus_hidden, sequence_of};
use crate::{Module, Weights};

/// Long short-term memory: `c ← f · c + i · g` and `h ← o · tanh(c)`, where `i`, `f` and `o` are sigmoids of the input
/// and `h`, and `g` is their hyperbolic tangent. Its weights have the rows of `i`, `f`, `g` and `o` in this order.
///
/// Hochreiter and Schmidhuber, "Long Short-Term Memory".
#[derive(Clone, Debug, Module)]
pub struct Lstm {
    #[module(name = "Wx")]
    from_input: Array,
    #[module(name = "Wh")]
    from_hidden: Array,
    bias: Option<Array>,
}

impl Lstm {
    /// A layer of weights `[4 · hidden, inputs]` and `[4 · hidden, hidden]`, and perhaps a bias `[4 · hidden]`.
    pub fn new(from_input: Array, from_hidden: Array, bias: Option<Array>) -> Self {
        Self { from_input, from_hidden, bias }
    }

    /// The layer at the path of `w`, from `inputs` features to `hidden`.
    pub fn load(w: &Weights, inputs: i32, hidden: i32, bias: bool) -> crate::Result<Self> {
        let parameters = Parameters::new(w, hidden)?;
        let rows = hidden.saturating_mul(4);
        Ok(Self::new(
            parameters.take("Wx", [rows, inputs])?,
            parameters.take("Wh", [rows, hidden])?,
            parameters.take_if(bias, "bias", rows)?,
        ))
    }

    /// The hidden states and the cells after each element: `[…, length, inputs] -> […, length, hidden]`, twice.
    #[track_caller]
    pub fn forward(&self, x: &Array, hidden: Option<&Array>, cell: Option<&Array>) -> Result<(Array, Array)> {
        let projected = affine(x, &self.from_input, self.bias.as_ref())?;
        let from_hidden = self.from_hidden.t()?;
        let (mut hidden, mut cell) = (hidden.cloned(), cell.cloned());
        let (mut all_hidden, mut cells) = (Vec::new(), Vec::new());
        for element in elements(&projected)? {
            let gates = plus_hidden(element, hidden.as_ref(), &from_hidden)?;
            let (next, remembered) = step(&gates, cell.as_ref())?;
            all_hidden.push(next.clone());
            cells.push(remembered.clone());
            (hidden, cell) = (Some(next), Some(remembered));
        }
        let width = self.from_hidden.dim(1)?;
        Ok((sequence_of(&all_hidden, &projected, width)?, sequence_of(&cells, &projected, width)?))
    }
}

/// The next hidden state and cell.
fn step(gates: &Array, cell: Option<&Array>) -> Result<(Array, Array)> {
    let [i, f, g, o] = parts(gates)?;
    let new = (i.sigmoid()? * g.tanh()?)?;
    let cell = match cell {
        Some(cell) => ((f.sigmoid()? * cell)? + new)?,
        None => new,
    };
    Ok(((o.sigmoid()? * cell.tanh()?)?, cell))
}
