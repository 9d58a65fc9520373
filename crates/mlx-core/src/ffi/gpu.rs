//! Kernels written in the language of a GPU.

use std::ffi::CString;
use std::fmt;

use mlx_sys as sys;

use super::owned::Owned;
use super::{Vector, call, error, string};
use crate::kernel::{CudaOptions, Launch, MetalOptions, Spec, Template};
use crate::{Array, Error, Kind, Result};

/// A kernel in Metal's language, which MLX compiles when it first runs.
///
/// The source is the body of the kernel: MLX writes the signature from the names of inputs and outputs and from the
/// attributes of Metal, such as `thread_position_in_grid`, that the body uses.
///
/// ```no_run
/// use mlx_core::kernel::{Launch, MetalKernel, MetalOptions, Spec};
/// use mlx_core::prelude::*;
///
/// fn cubes(x: &Array) -> Result<Vec<Array>> {
///     let source = "uint i = thread_position_in_grid.x; y[i] = x[i] * x[i] * x[i];";
///     // SAFETY: one thread an element, and each writes its own.
///     let kernel = unsafe { MetalKernel::new("cubes", &["x"], &["y"], source, MetalOptions::default())? };
///     let threads = x.size() as i32;
///     let outputs = vec![Spec::like(x)];
///     kernel.apply([x], &Launch { grid: [threads, 1, 1], outputs, ..Launch::default() })
/// }
/// ```
pub struct MetalKernel {
    raw: Owned<sys::mlx_fast_metal_kernel>,
    name: String,
    arity: usize,
}

/// A kernel in CUDA C++, which MLX compiles when it first runs.
///
/// The source is the body of the kernel: MLX writes the signature from the names of inputs and outputs.
///
/// ```no_run
/// use mlx_core::kernel::{CudaKernel, CudaOptions, Launch, Spec};
/// use mlx_core::prelude::*;
///
/// fn cubes(x: &Array) -> Result<Vec<Array>> {
///     let source = "auto i = cooperative_groups::this_grid().thread_rank(); y[i] = x[i] * x[i] * x[i];";
///     // SAFETY: one thread an element, and each writes its own.
///     let kernel = unsafe { CudaKernel::new("cubes", &["x"], &["y"], source, CudaOptions::default())? };
///     let threads = x.size() as i32;
///     let outputs = vec![Spec::like(x)];
///     kernel.apply([x], &Launch { grid: [threads, 1, 1], outputs, ..Launch::default() })
/// }
/// ```
pub struct CudaKernel {
    raw: Owned<sys::mlx_fast_cuda_kernel>,
    name: String,
    arity: usize,
}

impl MetalKernel {
    /// A kernel named `name` that reads `inputs` and writes `outputs`.
    ///
    /// # Safety
    /// Whatever the arrays and the launch, the source must read and write inside its buffers only.
    ///
    /// # Errors
    /// A text holds a zero byte, or this build of MLX has no Metal.
    #[track_caller]
    pub unsafe fn new(
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        source: &str,
        options: MetalOptions<'_>,
    ) -> Result<Self> {
        let parts = Parts::new([name, source, options.header], inputs, outputs)?;
        let [kernel, source, header] = parts.texts.each_ref().map(|text| text.as_ptr());
        let (inputs, outputs) = (parts.inputs.raw(), parts.outputs.raw());
        let MetalOptions { ensure_row_contiguous, atomic_outputs, .. } = options;
        // SAFETY: terminated texts and live vectors, which C copies; C gives the kernel away, empty if it failed.
        let raw = unsafe {
            let (rows, atomic) = (ensure_row_contiguous, atomic_outputs);
            Owned::new(sys::mlx_fast_metal_kernel_new(kernel, inputs, outputs, source, header, rows, atomic))
        };
        if raw.raw().ctx.is_null() {
            return Err(error::take("fast.metal_kernel"));
        }
        Ok(Self { raw, name: name.to_owned(), arity: parts.arity })
    }
}

impl CudaKernel {
    /// A kernel named `name` that reads `inputs` and writes `outputs`.
    ///
    /// # Safety
    /// Whatever the arrays and the launch, the source must read and write inside its buffers only.
    ///
    /// # Errors
    /// A text holds a zero byte, or this build of MLX has no CUDA.
    #[track_caller]
    pub unsafe fn new(
        name: &str,
        inputs: &[&str],
        outputs: &[&str],
        source: &str,
        options: CudaOptions<'_>,
    ) -> Result<Self> {
        let parts = Parts::new([name, source, options.header], inputs, outputs)?;
        let [kernel, source, header] = parts.texts.each_ref().map(|text| text.as_ptr());
        let (inputs, outputs) = (parts.inputs.raw(), parts.outputs.raw());
        let CudaOptions { ensure_row_contiguous, shared_memory, .. } = options;
        // SAFETY: as for Metal.
        let raw = unsafe {
            let (rows, shared) = (ensure_row_contiguous, shared_memory);
            Owned::new(sys::mlx_fast_cuda_kernel_new(kernel, inputs, outputs, source, header, rows, shared))
        };
        if raw.raw().ctx.is_null() {
            return Err(error::take("fast.cuda_kernel"));
        }
        Ok(Self { raw, name: name.to_owned(), arity: parts.arity })
    }
}

/// The texts of a kernel as C wants them.
struct Parts {
    texts: [CString; 3],
    inputs: Vector<CString>,
    outputs: Vector<CString>,
    arity: usize,
}

impl Parts {
    #[track_caller]
    fn new(texts: [&str; 3], inputs: &[&str], outputs: &[&str]) -> Result<Self> {
        let [name, source, header] = texts;
        let text = |text| string::terminated("kernel", text);
        let texts = [text(name)?, text(source)?, text(header)?];
        let (arity, inputs) = (inputs.len(), Vector::of_texts("kernel", inputs)?);
        Ok(Self { texts, arity, inputs, outputs: Vector::of_texts("kernel", outputs)? })
    }
}

macro_rules! launches {
    ($($kernel:ident, $op:literal => $new:ident, $output:ident, $grid:ident, $group:ident, $init:ident, $verbose:ident,
        $dtype:ident, $int:ident, $bool:ident, $apply:ident;)*) => {$(
        impl $kernel {
            /// Adds a run of the kernel to the graph of the current stream, and returns its outputs.
            ///
            /// # Errors
            /// There are not as many inputs as names, a length is negative, or the device is of another kind.
            #[track_caller]
            pub fn apply<'a>(
                &self,
                inputs: impl IntoIterator<Item = &'a Array>,
                launch: &Launch<'_>,
            ) -> Result<Vec<Array>> {
                let inputs: Vec<_> = inputs.into_iter().collect();
                check(launch, (inputs.len(), self.arity), $op)?;
                let inputs = Vector::collect(inputs)?;
                call::prepare();
                // SAFETY: C gives the new configuration away.
                let config = unsafe { Owned::new(sys::$new()) };
                let raw = config.raw();
                let ([x, y, z], [group_x, group_y, group_z]) = (launch.grid, launch.threadgroup);
                call::status($op, || {
                    // SAFETY: these write numbers into a live configuration, and give 0 unless they failed.
                    unsafe {
                        sys::$grid(raw, x, y, z)
                            | sys::$group(raw, group_x, group_y, group_z)
                            | sys::$verbose(raw, launch.verbose)
                            | launch.init_value.map_or(0, |value| sys::$init(raw, value))
                    }
                })?;
                for Spec { shape, dtype } in &launch.outputs {
                    // SAFETY: C copies as many lengths as `shape` has.
                    call::status($op, || unsafe { sys::$output(raw, shape.as_ptr(), shape.len(), dtype.raw()) })?;
                }
                for (name, value) in &launch.template {
                    let name = string::terminated($op, name)?;
                    // SAFETY: C copies the terminated name and the value.
                    call::status($op, || unsafe {
                        match *value {
                            Template::Dtype(dtype) => sys::$dtype(raw, name.as_ptr(), dtype.raw()),
                            Template::Int(value) => sys::$int(raw, name.as_ptr(), value),
                            Template::Bool(value) => sys::$bool(raw, name.as_ptr(), value),
                        }
                    })?;
                }
                call::vector($op, |out, s| {
                    // SAFETY: live handles. That the source stays inside its buffers, whoever made the kernel said.
                    unsafe { sys::$apply(out, self.raw.raw(), inputs.raw(), raw, s) }
                })
            }
        }

        impl fmt::Debug for $kernel {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($kernel)).field("name", &self.name).finish_non_exhaustive()
            }
        }
    )*};
}

launches! {
    MetalKernel, "fast.metal_kernel" => mlx_fast_metal_kernel_config_new, mlx_fast_metal_kernel_config_add_output_arg,
        mlx_fast_metal_kernel_config_set_grid, mlx_fast_metal_kernel_config_set_thread_group,
        mlx_fast_metal_kernel_config_set_init_value, mlx_fast_metal_kernel_config_set_verbose,
        mlx_fast_metal_kernel_config_add_template_arg_dtype, mlx_fast_metal_kernel_config_add_template_arg_int,
        mlx_fast_metal_kernel_config_add_template_arg_bool, mlx_fast_metal_kernel_apply;
    CudaKernel, "fast.cuda_kernel" => mlx_fast_cuda_kernel_config_new, mlx_fast_cuda_kernel_config_add_output_arg,
        mlx_fast_cuda_kernel_config_set_grid, mlx_fast_cuda_kernel_config_set_thread_group,
        mlx_fast_cuda_kernel_config_set_init_value, mlx_fast_cuda_kernel_config_set_verbose,
        mlx_fast_cuda_kernel_config_add_template_arg_dtype, mlx_fast_cuda_kernel_config_add_template_arg_int,
        mlx_fast_cuda_kernel_config_add_template_arg_bool, mlx_fast_cuda_kernel_apply;
}

/// Refuses a launch that does not suit the kernel, `(found, wanted)` inputs included.
#[track_caller]
fn check(launch: &Launch<'_>, (found, wanted): (usize, usize), op: &'static str) -> Result<()> {
    if found != wanted {
        let message = format!("the kernel has {wanted} inputs, and was given {found}");
        return Err(Error::new(Kind::Shape, op, message));
    }
    let lengths = launch.grid.iter().chain(&launch.threadgroup);
    if lengths.clone().any(|&length| length < 1) {
        let Launch { grid, threadgroup, .. } = launch;
        let message = format!("a grid {grid:?} of groups {threadgroup:?} has a length below 1");
        return Err(Error::new(Kind::Shape, op, message));
    }
    match launch.outputs.iter().find(|spec| spec.dtype.bytes_of(&spec.shape).is_none()) {
        Some(Spec { shape, .. }) => {
            Err(Error::new(Kind::Shape, op, format!("an output of shape {shape:?} does not fit in memory")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;

    #[test]
    fn a_gpu_kernel_checks_its_launch() {
        // SAFETY: the kernels never run.
        let kernels = unsafe {
            (
                MetalKernel::new("none", &["x"], &["y"], "", MetalOptions::default()),
                CudaKernel::new("none", &["x"], &["y"], "", CudaOptions::default()),
            )
        };
        let x = Array::from([1.0]);
        let zero = Launch { grid: [0, 1, 1], ..Launch::default() };
        let huge = Launch { outputs: vec![Spec::new([-1], Dtype::Uint8)], ..Launch::default() };
        if let Ok(metal) = kernels.0 {
            assert!(
                metal
                    .apply([], &Launch::default())
                    .unwrap_err()
                    .message()
                    .contains("1 inputs, and was given 0")
            );
            assert!(metal.apply([&x], &zero).unwrap_err().message().contains("below 1"));
            assert!(metal.apply([&x], &huge).unwrap_err().message().contains("does not fit"));
        }
        if let Ok(cuda) = kernels.1 {
            assert!(
                cuda.apply([], &Launch::default())
                    .unwrap_err()
                    .message()
                    .contains("1 inputs, and was given 0")
            );
            assert!(cuda.apply([&x], &zero).unwrap_err().message().contains("below 1"));
            assert!(cuda.apply([&x], &huge).unwrap_err().message().contains("does not fit"));
        }
    }

    /// Cubes each element of two arrays of different layouts, by the kernel of the GPU that is there.
    #[test]
    fn a_gpu_kernel_computes_where_there_is_a_gpu() {
        let x = Array::arange(0..6).unwrap().astype(Dtype::Float32).unwrap().reshape([2, 3]).unwrap();
        let expected = [0.0, 27.0, 1.0, 64.0, 8.0, 125.0];
        let launch = Launch {
            grid: [6, 1, 1],
            outputs: vec![Spec::new([3, 2], Dtype::Float32)],
            template: vec![("T", Dtype::Float32.into()), ("POWER", 3.into()), ("NEGATE", false.into())],
            ..Launch::default()
        };
        let power = "T p = 1; for (int n = 0; n < POWER; n++) { p *= x[i]; } y[i] = NEGATE ? -p : p;";
        let cubes = if crate::cuda::is_available().unwrap() {
            let source = format!("auto i = cooperative_groups::this_grid().thread_rank(); {power}");
            // SAFETY: a thread touches one element, and there are as many threads as elements.
            let kernel = unsafe { CudaKernel::new("cubes", &["x"], &["y"], &source, CudaOptions::default()) };
            kernel.unwrap().apply([&x.t().unwrap()], &launch)
        } else if crate::metal::is_available().unwrap() {
            let source = format!("uint i = thread_position_in_grid.x; {power}");
            // SAFETY: as for CUDA, each thread has an element of its own.
            let kernel =
                unsafe { MetalKernel::new("cubes", &["x"], &["y"], &source, MetalOptions::default()) };
            kernel.unwrap().apply([&x.t().unwrap()], &launch)
        } else {
            return;
        };
        assert_eq!(cubes.unwrap()[0].to_vec::<f32>().unwrap(), expected);
    }
}
