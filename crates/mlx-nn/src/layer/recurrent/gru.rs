//! The gated recurrent unit.

use mlx_core::{Array, Result};

use super::{Parameters, affine, elements, parts, sequence_of};
use crate::{Module, Weights};

/// A gated recurrent unit: `h ← (1 - z) · n + z · h`, where `r` and `z` are sigmoids of the input and `h`, and
/// `n = tanh(Wx · x + b + r · (Wh · h + bhn))`. Its weights have the rows of `r`, `z` and `n` in this order.
///
/// Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder".
#[derive(Clone, Debug, Module)]
pub struct Gru {
    #[module(name = "Wx")]
    from_input: Array,
    #[module(name = "Wh")]
    from_hidden: Array,
    #[module(name = "b")]
    bias: Option<Array>,
    #[module(name = "bhn")]
    new_bias: Option<Array>,
}

impl Gru {
    /// A layer of weights `[3 · hidden, inputs]` and `[3 · hidden, hidden]`, and perhaps biases `[3 · hidden]` and `[hidden]`.
    pub fn new(from_input: Array, from_hidden: Array, bias: Option<Array>, new_bias: Option<Array>) -> Self {
        Self { from_input, from_hidden, bias, new_bias }
    }

    /// The layer at the path of `w`, from `inputs` features to `hidden`.
    pub fn load(w: &Weights, inputs: i32, hidden: i32, bias: bool) -> crate::Result<Self> {
        let parameters = Parameters::new(w, hidden)?;
        let rows = hidden.saturating_mul(3);
        Ok(Self::new(
            parameters.take("Wx", [rows, inputs])?,
            parameters.take("Wh", [rows, hidden])?,
            parameters.take_if(bias, "b", rows)?,
            parameters.take_if(bias, "bhn", hidden)?,
        ))
    }

    /// The states after each element: `[…, length, inputs] -> […, length, hidden]`.
    #[track_caller]
    pub fn forward(&self, x: &Array, hidden: Option<&Array>) -> Result<Array> {
        let projected = affine(x, &self.from_input, self.bias.as_ref())?;
        let from_hidden = self.from_hidden.t()?;
        let mut hidden = hidden.cloned();
        let mut states = Vec::new();
        for element in elements(&projected)? {
            let state = self.step(&element, hidden.as_ref(), &from_hidden)?;
            states.push(state.clone());
            hidden = Some(state);
        }
        sequence_of(&states, &projected, self.from_hidden.dim(1)?)
    }

    /// The state after an element that is projected already.
    fn step(&self, projected: &Array, hidden: Option<&Array>, from_hidden: &Array) -> Result<Array> {
        let [r, z, n] = parts(projected)?;
        let Some(hidden) = hidden else {
            let n = match &self.new_bias {
                Some(bias) => (n + (r.sigmoid()? * bias)?)?,
                None => n,
            };
            return (1.0 - z.sigmoid()?)? * n.tanh()?;
        };
        let [r_hidden, z_hidden, n_hidden] = parts(&hidden.matmul(from_hidden)?)?;
        let n_hidden = match &self.new_bias {
            Some(bias) => (n_hidden + bias)?,
            None => n_hidden,
        };
        let (r, z) = ((r + r_hidden)?.sigmoid()?, (z + z_hidden)?.sigmoid()?);
        let n = (n + (r * n_hidden)?)?.tanh()?;
        ((1.0 - &z)? * n)? + (z * hidden)?
    }
}
