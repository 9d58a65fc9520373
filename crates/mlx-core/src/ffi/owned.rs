//! C's handles, freed when they are dropped.

use mlx_sys as sys;

use super::{error, gate};

/// A kind of handle.
pub(crate) trait Raw: Copy {
    /// Frees one; C allows an empty one.
    ///
    /// # Safety
    /// It must be C's, and not be used after.
    unsafe fn free(self);
}

/// A kind of handle that C fills.
pub(crate) trait Empty: Raw {
    /// A handle of nothing, which C fills or refuses.
    fn empty() -> Self;
}

macro_rules! handles {
    ($($raw:ident => $free:ident;)*) => {$(
        impl Raw for sys::$raw {
            unsafe fn free(self) {
                // SAFETY: by this function's contract.
                unsafe { sys::$free(self) };
            }
        }
    )*};
}

macro_rules! empty_handles {
    ($($raw:ident => $new:ident;)*) => {$(
        impl Empty for sys::$raw {
            fn empty() -> Self {
                // SAFETY: takes nothing, and gives a pointer to nothing, or to something new.
                unsafe { sys::$new() }
            }
        }
    )*};
}

handles! {
    mlx_array => mlx_array_free;
    mlx_closure => mlx_closure_free;
    mlx_closure_custom => mlx_closure_custom_free;
    mlx_closure_custom_jvp => mlx_closure_custom_jvp_free;
    mlx_closure_custom_vmap => mlx_closure_custom_vmap_free;
    mlx_closure_kwargs => mlx_closure_kwargs_free;
    mlx_closure_value_and_grad => mlx_closure_value_and_grad_free;
    mlx_compile_cache => mlx_compile_cache_free;
    mlx_device => mlx_device_free;
    mlx_device_info => mlx_device_info_free;
    mlx_distributed_group => mlx_distributed_group_free;
    mlx_fast_cuda_kernel => mlx_fast_cuda_kernel_free;
    mlx_fast_cuda_kernel_config => mlx_fast_cuda_kernel_config_free;
    mlx_fast_metal_kernel => mlx_fast_metal_kernel_free;
    mlx_fast_metal_kernel_config => mlx_fast_metal_kernel_config_free;
    mlx_function_exporter => mlx_function_exporter_free;
    mlx_imported_function => mlx_imported_function_free;
    mlx_io_gguf => mlx_io_gguf_free;
    mlx_io_reader => mlx_io_reader_free;
    mlx_io_writer => mlx_io_writer_free;
    mlx_map_string_to_array => mlx_map_string_to_array_free;
    mlx_map_string_to_array_iterator => mlx_map_string_to_array_iterator_free;
    mlx_map_string_to_string => mlx_map_string_to_string_free;
    mlx_map_string_to_string_iterator => mlx_map_string_to_string_iterator_free;
    mlx_node_namer => mlx_node_namer_free;
    mlx_stream => mlx_stream_free;
    mlx_string => mlx_string_free;
    mlx_vector_array => mlx_vector_array_free;
    mlx_vector_int => mlx_vector_int_free;
    mlx_vector_stream => mlx_vector_stream_free;
    mlx_vector_string => mlx_vector_string_free;
}

empty_handles! {
    mlx_array => mlx_array_new;
    mlx_closure => mlx_closure_new;
    mlx_closure_value_and_grad => mlx_closure_value_and_grad_new;
    mlx_compile_cache => mlx_compile_cache_new;
    mlx_device_info => mlx_device_info_new;
    mlx_distributed_group => mlx_distributed_group_new;
    mlx_io_gguf => mlx_io_gguf_new;
    mlx_map_string_to_array => mlx_map_string_to_array_new;
    mlx_map_string_to_string => mlx_map_string_to_string_new;
    mlx_stream => mlx_stream_new;
    mlx_string => mlx_string_new;
    mlx_vector_array => mlx_vector_array_new;
    mlx_vector_int => mlx_vector_int_new;
    mlx_vector_stream => mlx_vector_stream_new;
    mlx_vector_string => mlx_vector_string_new;
}

/// A handle that nobody else frees.
pub(super) struct Owned<T: Raw>(T);

impl<T: Empty> Owned<T> {
    /// A handle of nothing, for C to fill.
    pub(super) fn empty() -> Self {
        error::install_handler();
        Self(T::empty())
    }
}

impl<T: Raw> Owned<T> {
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
