//! Kernels in Rust for the CPU, which the ops use by themselves where one fits.
//!
//! MLX's own ops for Linux CPUs are plain loops; those of `mlx-cpu` use vectors and all cores. They are primitives in
//! MLX's lazy graph: gradients and `vmap` go through MLX's own ops. `MLX_CPU_KERNELS=0` turns them off.

mod numbers;
mod quantized_matmul;

use std::cell::Cell;
use std::sync::OnceLock;

use mlx_cpu::Level;

use crate::{Array, Device, Error, Kind, Result};

pub(crate) use quantized_matmul::quantized_matmul;

thread_local! {
    static PLAIN: Cell<bool> = const { Cell::new(false) };
}

/// The instructions that kernels use: `baseline`, `avx2` or `avx512`; none if they are turned off.
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

/// The single result of a kernel.
#[track_caller]
fn only(outputs: Vec<Array>, op: &'static str) -> Result<Array> {
    let found = outputs.into_iter().next();
    found.ok_or_else(|| Error::new(Kind::Mlx, op, "the kernel has no result"))
}
