//! Where adapters can be.

use mlx_core::Array;

use super::{Adapter, Role};
use crate::{Embedding, Linear, Matrix, Module, Path, Result, Visit, VisitMut};

/// The place of an adapter, beside the matrix of a linear layer or a table.
pub(crate) struct Place<'a> {
    pub(crate) role: Role,
    pub(crate) matrix: &'a Matrix,
    pub(crate) adapter: Option<&'a Adapter>,
}

/// The place of an adapter, to put one there.
pub(crate) struct PlaceMut<'a> {
    pub(crate) role: Role,
    pub(crate) matrix: &'a mut Matrix,
    pub(crate) adapter: &'a mut Option<Adapter>,
}

/// All places of a model, with the paths of their layers.
pub(super) fn all<M: Module>(model: &M) -> Vec<(String, Place<'_>)> {
    let mut places = Places(Vec::new());
    model.visit(&mut Path::default(), &mut places);
    places.0
}

/// Changes all places of a model, up to the first error.
pub(super) fn change<M: Module>(
    model: &mut M,
    change: impl FnMut(&str, PlaceMut<'_>) -> Result<()>,
) -> Result<()> {
    let mut changes = Changes { change, result: Ok(()) };
    model.visit_mut(&mut Path::default(), &mut changes);
    changes.result
}

struct Places<'a>(Vec<(String, Place<'a>)>);

impl<'a> Visit<'a> for Places<'a> {
    fn parameter(&mut self, _: &str, _: &'a Array) {}

    fn module(&mut self, path: &str, module: &'a dyn Module) {
        let linear = module.downcast_ref().map(Linear::place);
        let place = linear.or_else(|| module.downcast_ref().map(Embedding::place));
        self.0.extend(place.map(|place| (path.to_owned(), place)));
    }
}

struct Changes<F> {
    change: F,
    result: Result<()>,
}

impl<F: FnMut(&str, PlaceMut<'_>) -> Result<()>> VisitMut for Changes<F> {
    fn parameter(&mut self, _: &str, _: &mut Array) {}

    fn module(&mut self, path: &str, module: &mut dyn Module) {
        let place = if let Some(linear) = module.downcast_mut::<Linear>() {
            linear.place_mut()
        } else if let Some(table) = module.downcast_mut::<Embedding>() {
            table.place_mut()
        } else {
            return;
        };
        if self.result.is_ok() {
            self.result = (self.change)(path, place);
        }
    }
}
