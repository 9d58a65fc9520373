//! Taking arrays out of modules and putting others in.

use std::collections::BTreeSet;

use mlx_core::Array;
use mlx_core::transform::Path;

use super::visit::Visit;
use crate::{Misshapen, Module, Parameters, Report};

/// Collects what can be learned.
pub(super) struct Trainable<P> {
    predicate: P,
    pub(super) found: Parameters,
}

impl<P> Trainable<P> {
    pub(super) fn new(predicate: P) -> Self {
        Self { predicate, found: Parameters::default() }
    }
}

impl<'a, P: FnMut(&str) -> bool> Visit<'a> for Trainable<P> {
    fn parameter(&mut self, path: &str, array: &'a Array) {
        if array.dtype().is_float() && (self.predicate)(path) {
            self.found.insert(path, array.clone());
        }
    }

    fn buffer(&mut self, _: &str, _: &'a Array) {}
}

/// Collects modules.
#[derive(Default)]
pub(super) struct Modules<'a>(pub(super) Vec<(String, &'a dyn Module)>);

impl<'a> Visit<'a> for Modules<'a> {
    fn parameter(&mut self, _: &str, _: &'a Array) {}

    fn module(&mut self, path: &str, module: &'a dyn Module) {
        self.0.push((path.to_owned(), module));
    }
}

/// Checks that `parameters` fit `module`, and fill it if it is to be `whole`.
pub(super) fn report<M: Module + ?Sized>(
    module: &M,
    parameters: &Parameters,
    whole: bool,
) -> Result<(), Report> {
    let mut report = Report::default();
    let mut unused: BTreeSet<_> = parameters.names().collect();
    module.visit(&mut Path::default(), &mut |path: &str, array: &Array| {
        unused.remove(path);
        match parameters.get(path) {
            None if whole => report.missing.push(path.to_owned()),
            Some(other) if !fits(array, other) => report.misshapen.push(Misshapen::new(path, other, array)),
            _ => {}
        }
    });
    report.unused = unused.into_iter().map(str::to_owned).collect();
    if report.is_empty() { Ok(()) } else { Err(report) }
}

/// Whether `other` can be in the place of `array`: floats may change their type.
fn fits(array: &Array, other: &Array) -> bool {
    let (dtype, other_dtype) = (array.dtype(), other.dtype());
    array.shape() == other.shape() && (dtype == other_dtype || dtype.is_float() && other_dtype.is_float())
}

/// Puts those of `parameters` that have places in `module` there.
pub(crate) fn put<M: Module + ?Sized>(module: &mut M, parameters: &Parameters) {
    module.visit_mut(&mut Path::default(), &mut |path: &str, array: &mut Array| {
        if let Some(other) = parameters.get(path) {
            *array = other.clone();
        }
    });
}
