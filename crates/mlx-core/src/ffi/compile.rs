//! Compiled closures, and MLX's cache of them on each thread.

use mlx_sys as sys;

use super::owned::Owned;
use super::{Closure, Vector, call};
use crate::{Array, Result};

pub(crate) use sys::mlx_compile_mode_ as RawMode;

/// A compiled closure, with what MLX keeps for it.
pub(crate) struct Compiled {
    closure: Closure<'static>,
    cache: Owned<sys::mlx_compile_cache>,
    id: usize,
}

impl Compiled {
    /// Compiles `body` when it is first applied. `id` names its entry in the cache of this thread; no other
    /// compiled closure may have it.
    #[track_caller]
    pub(crate) fn new(body: &Closure<'static>, id: usize, any_shapes: bool) -> Result<Self> {
        let (mut closure, mut cache) = (Closure::empty(), Owned::empty());
        call::status("compile", || {
            // SAFETY: a live closure whose body lasts as long as MLX wants, and no constants.
            unsafe {
                sys::mlx_detail_compile(closure.as_mut_ptr(), body.raw(), id, any_shapes, std::ptr::null(), 0)
            }
        })?;
        call::status("compile", || {
            // SAFETY: `cache` owns the weak pointer that C fills in.
            unsafe { sys::mlx_detail_compile_cache(cache.as_mut_ptr()) }
        })?;
        Ok(Self { closure, cache, id })
    }

    /// Runs it, tracing `body` if the shapes are new.
    #[track_caller]
    pub(crate) fn apply(&self, inputs: &[&Array]) -> Result<Vec<Array>> {
        let outputs = self.closure.apply("compile", inputs.iter().copied());
        if outputs.is_err() {
            self.forget();
        }
        outputs
    }

    /// Forgets what was traced, and the constants in it. The cache of a thread that is gone is left alone.
    fn forget(&self) {
        let _ = call::without_queue("compile", || {
            // SAFETY: the pointer is weak; C looks whether the cache is still there.
            unsafe { sys::mlx_detail_compile_erase(self.cache.raw(), self.id) }
        });
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Forgets everything that was traced on this thread.
#[track_caller]
pub(crate) fn clear_cache() -> Result<()> {
    let mut cache = Owned::<sys::mlx_compile_cache>::empty();
    call::status("compile", || {
        // SAFETY: `cache` owns what C fills; C then uses it at once. A function that is being traced keeps its entry.
        unsafe {
            match sys::mlx_detail_compile_cache(cache.as_mut_ptr()) {
                0 => sys::mlx_detail_compile_clear_cache(cache.raw()),
                status => status,
            }
        }
    })
}

/// Sets how much of compiling is done, for the whole process.
#[track_caller]
pub(crate) fn set_mode(mode: RawMode) -> Result<()> {
    // SAFETY: writes an atomic number.
    call::status("compile", || unsafe { sys::mlx_set_compile_mode(mode) })
}

/// Refuses values that a graph traced with other shapes cannot give for these inputs.
#[track_caller]
pub(crate) fn check_shapes<'a>(outputs: &[Array], inputs: impl IntoIterator<Item = &'a Array>) -> Result<()> {
    let (outputs, inputs) = (Vector::collect(outputs)?, Vector::collect(inputs)?);
    // SAFETY: reads the graph of live arrays.
    call::status("compile", || unsafe { sys::mlx_shim_check_shapes(outputs.raw(), inputs.raw()) })?;
    super::transform::check_sizes(&outputs)
}

/// Whether a transform traces the array now.
#[track_caller]
pub(crate) fn is_tracer(array: &Array) -> Result<bool> {
    let mut tracer = false;
    // SAFETY: writes one truth value about a live array.
    call::status("compile", || unsafe { sys::mlx_shim_is_tracer(&raw mut tracer, array.raw()) })?;
    Ok(tracer)
}
