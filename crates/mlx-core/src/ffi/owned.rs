//! C's handles, freed when they are dropped.

use std::ptr;

use mlx_sys as sys;

use super::gate;

/// A kind of handle: a pointer to something of C's, or null.
pub(super) trait Raw: Copy {
    /// A handle of nothing, which C fills or refuses.
    const EMPTY: Self;

    /// Frees one; C allows an empty one.
    ///
    /// # Safety
    /// It must be C's, and not be used after.
    unsafe fn free(self);
}

macro_rules! handles {
    ($($raw:ident { $($field:ident),* } => $free:ident,)*) => {$(
        impl Raw for sys::$raw {
            const EMPTY: Self = Self { $($field: ptr::null_mut()),* };

            unsafe fn free(self) {
                // SAFETY: by this function's contract.
                unsafe { sys::$free(self) };
            }
        }
    )*};
}

handles! {
    mlx_array { ctx } => mlx_array_free,
    mlx_closure { ctx } => mlx_closure_free,
    mlx_fast_cuda_kernel { ctx } => mlx_fast_cuda_kernel_free,
    mlx_fast_cuda_kernel_config { ctx } => mlx_fast_cuda_kernel_config_free,
    mlx_fast_metal_kernel { ctx } => mlx_fast_metal_kernel_free,
    mlx_fast_metal_kernel_config { ctx } => mlx_fast_metal_kernel_config_free,
    mlx_closure_custom { ctx } => mlx_closure_custom_free,
    mlx_closure_custom_jvp { ctx } => mlx_closure_custom_jvp_free,
    mlx_closure_custom_vmap { ctx } => mlx_closure_custom_vmap_free,
    mlx_closure_kwargs { ctx } => mlx_closure_kwargs_free,
    mlx_closure_value_and_grad { ctx } => mlx_closure_value_and_grad_free,
    mlx_compile_cache { ctx } => mlx_compile_cache_free,
    mlx_device { ctx } => mlx_device_free,
    mlx_device_info { ctx } => mlx_device_info_free,
    mlx_distributed_group { ctx } => mlx_distributed_group_free,
    mlx_io_gguf { ctx } => mlx_io_gguf_free,
    mlx_io_reader { ctx } => mlx_io_reader_free,
    mlx_io_writer { ctx } => mlx_io_writer_free,
    mlx_function_exporter { ctx } => mlx_function_exporter_free,
    mlx_imported_function { ctx } => mlx_imported_function_free,
    mlx_map_string_to_array { ctx } => mlx_map_string_to_array_free,
    mlx_map_string_to_array_iterator { ctx, map_ctx } => mlx_map_string_to_array_iterator_free,
    mlx_map_string_to_string { ctx } => mlx_map_string_to_string_free,
    mlx_map_string_to_string_iterator { ctx, map_ctx } => mlx_map_string_to_string_iterator_free,
    mlx_node_namer { ctx } => mlx_node_namer_free,
    mlx_stream { ctx } => mlx_stream_free,
    mlx_string { ctx } => mlx_string_free,
    mlx_vector_array { ctx } => mlx_vector_array_free,
    mlx_vector_string { ctx } => mlx_vector_string_free,
}

/// A handle that nobody else frees.
pub(super) struct Owned<T: Raw>(T);

impl<T: Raw> Owned<T> {
    /// A handle of nothing, for C to fill.
    pub(super) fn empty() -> Self {
        Self(T::EMPTY)
    }

    /// Takes over what C made.
    ///
    /// # Safety
    /// Nothing else may free `raw`.
    pub(super) unsafe fn new(raw: T) -> Self {
        Self(raw)
    }

    pub(super) fn raw(&self) -> T {
        self.0
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut T {
        &raw mut self.0
    }
}

impl<T: Raw> Drop for Owned<T> {
    fn drop(&mut self) {
        // What a program that ends does not free, the system does.
        let Some(_pass) = gate::try_enter() else { return };
        // SAFETY: an `Owned` is the only one to free its handle, and this is its last use.
        unsafe { self.0.free() };
    }
}
