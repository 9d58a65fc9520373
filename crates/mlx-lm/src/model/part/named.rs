//! Parts whose names differ from family to family.

use mlx_core::transform::Path;
use mlx_core::{Array, Result as MlxResult, Tree};
use mlx_nn::{Module, Visit, VisitMut};

/// A part under the name that the family's checkpoints give it.
pub(crate) struct Named<T> {
    name: &'static str,
    pub(super) part: T,
}

impl<T> Named<T> {
    pub(super) fn new(name: &'static str, part: T) -> Self {
        Self { name, part }
    }
}

impl<T: Module> Module for Named<T> {
    fn visit<'a>(&'a self, path: &mut Path, visit: &mut dyn Visit<'a>) {
        path.within(self.name, |path| self.part.visit(path, visit));
    }

    fn visit_mut(&mut self, path: &mut Path, visit: &mut dyn VisitMut) {
        path.within(self.name, |path| self.part.visit_mut(path, visit));
    }
}

impl<T: Tree> Tree for Named<T> {
    fn visit_leaves<'a>(&'a self, path: &mut Path, visit: &mut dyn FnMut(&str, &'a Array)) {
        path.within(self.name, |path| self.part.visit_leaves(path, visit));
    }

    fn map_leaves(
        &self,
        path: &mut Path,
        map: &mut dyn FnMut(&str, &Array) -> MlxResult<Array>,
    ) -> MlxResult<Self> {
        let part = path.within(self.name, |path| self.part.map_leaves(path, map))?;
        Ok(Self { name: self.name, part })
    }

    fn same_form(&self, other: &Self) -> bool {
        self.name == other.name && self.part.same_form(&other.part)
    }
}
