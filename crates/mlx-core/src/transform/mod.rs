//! Functions of functions: gradients, batches, compilation, files of functions.
//!
//! A function takes one [`Tree`] by reference and returns another in a [`Result`]. Start with [`grad`].
//!
//! What a closure captures is constant for the transform. An error of the closure comes out of the transform
//! as it was, and a panic goes on. An array that a closure lets out through a `RefCell` keeps its shape, but
//! has no value where the transform only traced: to compute it is an error.

mod compile;
mod custom;
mod export;
mod grad;
mod graph;
mod header;
mod program;
mod tree;
mod vmap;

pub use compile::{CompileMode, Shapes, clear_compile_cache, compile, set_compile_mode};
pub use custom::{CustomFunction, checkpoint, custom_function};
pub use export::{Export, Exporter, ImportedFunction, Keywords, export_function, import_function};
pub use grad::{grad, jvp, value_and_grad, vjp};
pub use graph::Graph;
pub use program::{Node, Parameter, Program, Step, describe};
pub use tree::{Path, Tree};
pub use vmap::{BatchAxes, vmap};
