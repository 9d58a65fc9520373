//! Layers that go along a sequence and remember.
//!
//! Sequences are `[batch, length, inputs]`, or `[length, inputs]` alone. A layer gives its state after each element,
//! and starts from zeros unless it is told another state: `[batch, hidden]`, or `[hidden]`. The last state of one
//! call continues the sequence in the next.

mod gru;
mod lstm;
mod rnn;

pub use gru::Gru;
pub use lstm::Lstm;
pub use rnn::Rnn;

use mlx_core::{Array, Result, stack};

use crate::{Error, Weights, init};

/// What takes the parameters of a layer of `hidden` numbers, which all start alike.
struct Parameters<'a> {
    w: &'a Weights,
    hidden: i32,
}

impl<'a> Parameters<'a> {
    fn new(w: &'a Weights, hidden: i32) -> crate::Result<Self> {
        if hidden < 1 {
            return Err(Error::config("hidden_size", format!("{hidden} is not a positive number")));
        }
        Ok(Self { w, hidden })
    }

    fn take<const N: usize>(&self, name: &str, shape: [i32; N]) -> crate::Result<Array> {
        self.w.parameter(name, shape, init::within_root(self.hidden))
    }

    fn take_if(&self, wanted: bool, name: &str, length: i32) -> crate::Result<Option<Array>> {
        wanted.then(|| self.take(name, [length])).transpose()
    }
}

/// `x · wᵀ + bias`.
#[track_caller]
fn affine(x: &Array, weight: &Array, bias: Option<&Array>) -> Result<Array> {
    let weight = weight.t()?;
    match bias {
        Some(bias) => bias.addmm(x, &weight, 1.0, 1.0),
        None => x.matmul(&weight),
    }
}

/// An element that is projected already, and what the hidden state adds to it, if there is one.
#[track_caller]
fn plus_hidden(element: Array, hidden: Option<&Array>, from_hidden: &Array) -> Result<Array> {
    match hidden {
        Some(hidden) => element.addmm(hidden, from_hidden, 1.0, 1.0),
        None => Ok(element),
    }
}

/// The equal parts of the last axis, one for each gate.
#[track_caller]
fn parts<const N: usize>(gates: &Array) -> Result<[Array; N]> {
    let parts = gates.split(N as i32, -1)?;
    parts.try_into().map_err(|_| mlx_core::Error::custom("recurrent", "MLX split an axis into too few parts"))
}

/// The elements of a sequence in order.
#[track_caller]
fn elements(sequence: &Array) -> Result<Vec<Array>> {
    if sequence.dim(-2)? == 0 { Ok(Vec::new()) } else { sequence.unstack(-2) }
}

/// The states after each element of `sequence`, as one sequence of `hidden` numbers.
#[track_caller]
fn sequence_of(states: &[Array], sequence: &Array, hidden: i32) -> Result<Array> {
    if !states.is_empty() {
        return stack(states, -2);
    }
    let mut shape = sequence.shape().to_vec();
    if let Some(width) = shape.last_mut() {
        *width = hidden;
    }
    Array::zeros(shape, sequence.dtype())
}
