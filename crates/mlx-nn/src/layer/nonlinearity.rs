//! An activation that a layer is told to use.

use mlx_core::{Array, Result, Tree, transform};

use crate::{Module, Path};

/// A function from one array to another of its shape, without parameters, such as [`gelu`](crate::gelu).
///
/// ```
/// use mlx_core::Array;
/// use mlx_nn::{Nonlinearity, silu};
///
/// let Nonlinearity(apply) = Nonlinearity(silu);
/// assert_eq!(apply(&Array::from(0.0))?.item::<f32>()?, 0.0);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Nonlinearity(pub fn(&Array) -> Result<Array>);

impl Nonlinearity {
    #[track_caller]
    pub(crate) fn apply(self, x: &Array) -> Result<Array> {
        (self.0)(x)
    }
}

impl Module for Nonlinearity {
    fn visit<'a>(&'a self, _: &mut Path, _: &mut dyn FnMut(&str, &'a Array)) {}

    fn visit_mut(&mut self, _: &mut Path, _: &mut dyn FnMut(&str, &mut Array)) {}
}

impl Tree for Nonlinearity {
    fn visit_leaves<'a>(&'a self, _: &mut transform::Path, _: &mut dyn FnMut(&str, &'a Array)) {}

    fn map_leaves(
        &self,
        _: &mut transform::Path,
        _: &mut dyn FnMut(&str, &Array) -> Result<Array>,
    ) -> Result<Self> {
        Ok(*self)
    }

    fn same_form(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}
