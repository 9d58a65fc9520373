//! The plain recurrent layer.

use mlx_core::{Array, Result};

use super::{Parameters, affine, elements, plus_hidden, sequence_of};
use crate::{Module, Nonlinearity, Weights};

/// `h ← f(Wxh · x + Whh · h + b)`, with the hyperbolic tangent for `f` unless it is told another.
///
/// Elman, "Finding Structure in Time".
#[derive(Clone, Debug, Module)]
pub struct Rnn {
    #[module(name = "Wxh")]
    from_input: Array,
    #[module(name = "Whh")]
    from_hidden: Array,
    bias: Option<Array>,
    nonlinearity: Nonlinearity,
}

impl Rnn {
    /// A layer of weights `[hidden, inputs]` and `[hidden, hidden]`, and perhaps a bias `[hidden]`.
    pub fn new(from_input: Array, from_hidden: Array, bias: Option<Array>) -> Self {
        Self { from_input, from_hidden, bias, nonlinearity: Nonlinearity(Array::tanh) }
    }

    /// The layer at the path of `w`, from `inputs` features to `hidden`.
    pub fn load(w: &Weights, inputs: i32, hidden: i32, bias: bool) -> crate::Result<Self> {
        let parameters = Parameters::new(w, hidden)?;
        Ok(Self::new(
            parameters.take("Wxh", [hidden, inputs])?,
            parameters.take("Whh", [hidden, hidden])?,
            parameters.take_if(bias, "bias", hidden)?,
        ))
    }

    /// The same layer with another nonlinearity.
    #[must_use]
    pub fn with_nonlinearity(self, nonlinearity: Nonlinearity) -> Self {
        Self { nonlinearity, ..self }
    }

    /// The states after each element: `[…, length, inputs] -> […, length, hidden]`.
    #[track_caller]
    pub fn forward(&self, x: &Array, hidden: Option<&Array>) -> Result<Array> {
        let projected = affine(x, &self.from_input, self.bias.as_ref())?;
        let from_hidden = self.from_hidden.t()?;
        let mut hidden = hidden.cloned();
        let mut states = Vec::new();
        for element in elements(&projected)? {
            let sum = plus_hidden(element, hidden.as_ref(), &from_hidden)?;
            let state = self.nonlinearity.apply(&sum)?;
            states.push(state.clone());
            hidden = Some(state);
        }
        sequence_of(&states, &projected, self.from_hidden.dim(0)?)
    }
}
