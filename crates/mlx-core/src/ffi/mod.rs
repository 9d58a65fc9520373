//! The only place that calls C. Everything outside this folder is safe Rust.
//!
//! `call` runs a function and turns its status into a [`Result`](crate::Result); `raw` is generated on top
//! of it; the other files hold the handles and the functions of a shape of their own.

pub(crate) mod backend;
mod buffer;
pub(crate) mod call;
pub(crate) mod closure;
pub(crate) mod compile;
pub(crate) mod data;
pub(crate) mod device;
pub(crate) mod distributed;
pub(crate) mod element;
mod error;
pub(crate) mod export;
pub(crate) mod facts;
mod failure;
pub(crate) mod frozen;
pub(crate) mod gate;
pub(crate) mod gguf;
pub(crate) mod gpu;
pub(crate) mod graph;
mod guest;
mod handle;
pub(crate) mod io;
mod map;
pub(crate) mod memory;
mod owned;
pub(crate) mod pages;
pub(crate) mod pool;
pub(crate) mod primitive;
pub(crate) mod random;
pub(crate) mod raw;
pub(crate) mod rule;
mod sink;
pub(crate) mod source;
pub(crate) mod stream;
mod string;
pub(crate) mod transform;
mod vector;

use mlx_sys as sys;

pub(crate) use closure::Closure;
pub(crate) use handle::Handle;
pub(crate) use sys::mlx_fft_norm as FftNorm;
pub(crate) use vector::Vector;

use crate::{Array, Dtype, Result};

impl Dtype {
    /// MLX numbers its types in the order of [`Dtype::ALL`].
    pub(crate) fn raw(self) -> sys::mlx_dtype {
        sys::mlx_dtype_(self as u32)
    }

    pub(crate) fn from_raw(raw: sys::mlx_dtype) -> Self {
        usize::try_from(raw.0).ok().and_then(|n| Self::ALL.get(n).copied()).unwrap_or(Self::Float32)
    }
}

/// C's form of an array that may be left out.
fn optional(array: Option<&Array>) -> sys::mlx_array {
    array.map_or(sys::mlx_array { ctx: std::ptr::null_mut() }, Array::raw)
}

fn optional_int(value: Option<i32>) -> sys::mlx_optional_int {
    sys::mlx_optional_int { value: value.unwrap_or_default(), has_value: value.is_some() }
}

fn optional_float(value: Option<f32>) -> sys::mlx_optional_float {
    sys::mlx_optional_float { value: value.unwrap_or_default(), has_value: value.is_some() }
}

fn optional_dtype(value: Option<Dtype>) -> sys::mlx_optional_dtype {
    sys::mlx_optional_dtype { value: value.unwrap_or(Dtype::Float32).raw(), has_value: value.is_some() }
}

/// The values that C lends.
///
/// # Safety
/// `first` must point to `count` values that stay as they are for `'a`, unless there are none.
unsafe fn list<'a, T>(first: *const T, count: usize) -> &'a [T] {
    if count == 0 {
        return &[];
    }
    // SAFETY: not empty, and as long as this function's contract says.
    unsafe { std::slice::from_raw_parts(first, count) }
}

/// The version of libmlx.
#[track_caller]
pub(crate) fn version() -> Result<String> {
    string::read("version", |out| {
        // SAFETY: fills a string that `read` owns.
        unsafe { sys::mlx_version(out) }
    })
}
