//! Rust closures that C calls.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlx_sys as sys;

use super::call;
use super::owned::Owned;
use crate::{Array, Result};

type Function = Box<dyn Fn(&[Array]) -> Result<Vec<Array>>>;

pub(super) struct Closure(Owned<sys::mlx_closure>);

impl Closure {
    #[track_caller]
    pub(super) fn new(f: impl Fn(&[Array]) -> Result<Vec<Array>> + 'static) -> Result<Self> {
        let function: Function = Box::new(f);
        call::prepare();
        let payload = Box::into_raw(Box::new(function)).cast();
        // SAFETY: temporary.
        Ok(Self(unsafe { Owned::new(sys::mlx_closure_new_func_payload(Some(run), payload, Some(free))) }))
    }

    pub(super) fn raw(&self) -> sys::mlx_closure {
        self.0.raw()
    }
}

unsafe extern "C" fn run(_: *mut sys::mlx_vector_array, _: sys::mlx_vector_array, _: *mut c_void) -> c_int {
    1
}

unsafe extern "C" fn free(payload: *mut c_void) {
    // SAFETY: temporary.
    let f = unsafe { Box::from_raw(payload.cast::<Function>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(f)));
}
