//! An activation that a layer is told to use.

use std::ptr::fn_addr_eq;

use mlx_core::transform::Path;
use mlx_core::{Array, Result, Tree};

use crate::Module;

/// A function from one array to another of its shape, without parameters, such as [`gelu`](crate::gelu).
///
/// ```
/// use mlx_core::{Array, random::Key};
/// use mlx_nn::{Nonlinearity, Rnn, Weights, silu};
///
/// let rnn = Weights::init(Key::new(0)?).build(|w| Rnn::load(w, 4, 8, true))?;
/// let rnn = rnn.with_nonlinearity(Nonlinearity(silu));
/// # Ok::<(), mlx_nn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Module)]
#[module(no_tree)]
pub struct Nonlinearity(#[module(skip)] pub fn(&Array) -> Result<Array>);

impl Nonlinearity {
    #[track_caller]
    pub(crate) fn apply(self, x: &Array) -> Result<Array> {
        (self.0)(x)
    }
}

/// Whether both are known to be the same function.
impl PartialEq for Nonlinearity {
    fn eq(&self, other: &Self) -> bool {
        fn_addr_eq(self.0, other.0)
    }
}

impl Tree for Nonlinearity {
    fn visit_leaves<'a>(&'a self, _: &mut Path, _: &mut dyn FnMut(&str, &'a Array)) {}

    fn map_leaves(&self, _: &mut Path, _: &mut dyn FnMut(&str, &Array) -> Result<Array>) -> Result<Self> {
        Ok(*self)
    }

    fn same_form(&self, other: &Self) -> bool {
        self == other
    }
}
