//! What walks over modules.

use mlx_core::Array;

use crate::Module;

/// Sees the parts of a module; a closure of a path and an array sees all arrays.
pub trait Visit<'a> {
    /// An array that is learned.
    fn parameter(&mut self, path: &str, array: &'a Array);

    /// An array that belongs to the module but is not learned: packed elements, running statistics.
    fn buffer(&mut self, path: &str, array: &'a Array) {
        self.parameter(path, array);
    }

    /// A module, before its parts.
    fn module(&mut self, path: &str, module: &'a dyn Module) {
        let _ = (path, module);
    }
}

/// Changes the parts of a module; a closure of a path and an array changes arrays.
pub trait VisitMut {
    /// An array that is learned.
    fn parameter(&mut self, path: &str, array: &mut Array);

    /// An array that belongs to the module but is not learned: packed elements, running statistics.
    fn buffer(&mut self, path: &str, array: &mut Array) {
        self.parameter(path, array);
    }

    /// A module, before its parts; those that it is given here are visited next.
    fn module(&mut self, path: &str, module: &mut dyn Module) {
        let _ = (path, module);
    }
}

impl<'a, F: FnMut(&str, &'a Array)> Visit<'a> for F {
    fn parameter(&mut self, path: &str, array: &'a Array) {
        self(path, array);
    }
}

impl<F: FnMut(&str, &mut Array)> VisitMut for F {
    fn parameter(&mut self, path: &str, array: &mut Array) {
        self(path, array);
    }
}

/// A visit to which all arrays are buffers.
pub struct Buffers<'v, V: ?Sized>(pub &'v mut V);

impl<'a, V: Visit<'a> + ?Sized> Visit<'a> for Buffers<'_, V> {
    fn parameter(&mut self, path: &str, array: &'a Array) {
        self.0.buffer(path, array);
    }

    fn module(&mut self, path: &str, module: &'a dyn Module) {
        self.0.module(path, module);
    }
}

impl<V: VisitMut + ?Sized> VisitMut for Buffers<'_, V> {
    fn parameter(&mut self, path: &str, array: &mut Array) {
        self.0.buffer(path, array);
    }

    fn module(&mut self, path: &str, module: &mut dyn Module) {
        self.0.module(path, module);
    }
}
