//! What a GPU kernel is built with, and what one run of it needs.

use super::Spec;
use crate::Dtype;

/// How a Metal kernel is built.
#[derive(Clone, Debug)]
pub struct MetalOptions<'a> {
    /// Code before the kernel: functions and includes.
    pub header: &'a str,
    /// Copy inputs whose rows do not follow each other before the kernel runs.
    pub ensure_row_contiguous: bool,
    /// Declare the outputs as atomic.
    pub atomic_outputs: bool,
}

impl Default for MetalOptions<'_> {
    fn default() -> Self {
        Self { header: "", ensure_row_contiguous: true, atomic_outputs: false }
    }
}

/// How a CUDA kernel is built.
#[derive(Clone, Debug)]
pub struct CudaOptions<'a> {
    /// Code before the kernel: functions and includes.
    pub header: &'a str,
    /// Copy inputs whose rows do not follow each other before the kernel runs.
    pub ensure_row_contiguous: bool,
    /// Bytes of dynamic shared memory a block.
    pub shared_memory: i32,
}

impl Default for CudaOptions<'_> {
    fn default() -> Self {
        Self { header: "", ensure_row_contiguous: true, shared_memory: 0 }
    }
}

/// One run of a GPU kernel.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    /// Threads in all along x, y and z.
    pub grid: [i32; 3],
    /// Threads of a group (Metal) or block (CUDA) along x, y and z.
    pub threadgroup: [i32; 3],
    /// The shape and type of each output.
    pub outputs: Vec<Spec>,
    /// Values of the kernel's template parameters by name.
    pub template: Vec<(&'a str, Template)>,
    /// What the outputs hold before the kernel runs. Without it, what the kernel does not write is not defined.
    pub init_value: Option<f32>,
    /// Print the generated source.
    pub verbose: bool,
}

impl Default for Launch<'_> {
    /// One thread without outputs.
    fn default() -> Self {
        let (grid, threadgroup) = ([1; 3], [1; 3]);
        Self {
            grid,
            threadgroup,
            outputs: Vec::new(),
            template: Vec::new(),
            init_value: Some(0.0),
            verbose: false,
        }
    }
}

/// The value of a template parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// A type of element.
    Dtype(Dtype),
    /// A whole number.
    Int(i32),
    /// A truth value.
    Bool(bool),
}

impl From<Dtype> for Template {
    fn from(dtype: Dtype) -> Self {
        Self::Dtype(dtype)
    }
}

impl From<i32> for Template {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Template {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
