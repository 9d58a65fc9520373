//! Kernels in Rust for the CPU, which the ops use by themselves where one fits.
//!
//! MLX's own ops for Linux CPUs are plain loops; those of `mlx-cpu` use vectors and all cores. They are primitives in
//! MLX's lazy graph: gradients and `vmap` go through MLX's own ops. `MLX_CPU_KERNELS=0` turns them off.

mod attention;
mod choice;
mod convolution;
mod feed_forward;
mod gate;
mod linear;
mod matmul;
mod norm;
mod numbers;
mod quantized_matmul;
mod rope;
mod softmax;

use std::cell::Cell;
use std::sync::{Arc, OnceLock};

use mlx_cpu::Level;
pub use mlx_cpu::features;

use crate::kernel::{self, Failure, Primitive, Spec};
use crate::{Array, Device, Error, Kind, Result};

pub(crate) use attention::attention;
pub(crate) use choice::{Choice, choose};
pub(crate) use convolution::convolution;
pub(crate) use feed_forward::feed_forward;
pub(crate) use gate::gated;
pub(crate) use linear::linear;
pub(crate) use matmul::matmul;
pub(crate) use norm::{add_rms_norm, layer_norm, rms_norm};
pub(crate) use quantized_matmul::{gather_qmm, quantized_matmul, quantized_matmul_each};
pub(crate) use rope::{rope, rope_heads};
pub(crate) use softmax::softmax;

thread_local! {
    static PLAIN: Cell<bool> = const { Cell::new(false) };
}

/// The instructions that kernels use: `baseline`, `avx2`, `avx512` or `avx512-dots`; none if they are turned off.
pub fn level() -> Option<&'static str> {
    enabled().then(|| Level::best().name())
}

/// How many threads share the work of a kernel: `MLX_NUM_THREADS`, or as many as the processor has cores.
pub fn threads() -> usize {
    mlx_cpu::threads()
}

fn enabled() -> bool {
    static ENABLED: OnceLock<bool> = OnceLock::new();
    *ENABLED.get_or_init(|| std::env::var("MLX_CPU_KERNELS").map_or(true, |text| text.trim() != "0"))
}

/// Whether ops that are built here and now may be kernels.
pub(crate) fn is_on() -> bool {
    enabled() && !PLAIN.get() && Device::current().is_cpu()
}

/// Calls `f` with MLX's own ops only: their graph can be written to a file, and works for any lengths.
pub(crate) fn plainly<R>(f: impl FnOnce() -> R) -> R {
    struct Back(bool);
    impl Drop for Back {
        fn drop(&mut self) {
            PLAIN.set(self.0);
        }
    }
    let _back = Back(PLAIN.replace(true));
    f()
}

/// Adds an op with one result to the graph.
#[track_caller]
fn apply<'a, P: Primitive>(op: P, inputs: impl IntoIterator<Item = &'a Array>) -> Result<Array> {
    let outputs = kernel::apply(&Arc::new(op), inputs)?;
    let only = outputs.into_iter().next();
    only.ok_or_else(|| Error::new(Kind::Mlx, P::NAME, "the kernel has no result"))
}

/// One result like the first of the inputs.
fn like_first(inputs: &[&Array]) -> Vec<Spec> {
    inputs.first().map(|x| Spec::like(x)).into_iter().collect()
}

/// What a kernel of `mlx-cpu` said of the sizes it was given.
fn checked(fits: bool) -> Result<(), Failure> {
    if fits { Ok(()) } else { Err("the shapes do not fit".into()) }
}
