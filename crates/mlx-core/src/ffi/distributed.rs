//! Groups of processes.

use std::ffi::{CStr, c_int};

use mlx_sys as sys;

use super::call;
use super::owned::Owned;
use crate::{Array, Dtype, Result};

type Collective = unsafe extern "C" fn(
    *mut sys::mlx_array,
    sys::mlx_array,
    sys::mlx_distributed_group,
    sys::mlx_stream,
) -> c_int;

/// An owned `mlx_distributed_group`.
pub(crate) struct RawGroup(Owned<sys::mlx_distributed_group>);

/// Whether MLX can use `backend` here.
pub(crate) fn is_available(backend: &CStr) -> bool {
    call::prepare();
    // SAFETY: reads a terminated string.
    unsafe { sys::mlx_distributed_is_available(backend.as_ptr()) }
}

impl RawGroup {
    /// Connects to the other processes. The caller makes sure that no other thread is in here.
    #[track_caller]
    pub(crate) fn init(strict: bool, backend: &CStr) -> Result<Self> {
        let mut out = Self(Owned::empty());
        call::status("init", || {
            // SAFETY: fills a handle that `out` owns; the name is terminated.
            unsafe { sys::mlx_distributed_init(out.0.as_mut_ptr(), strict, backend.as_ptr()) }
        })?;
        Ok(out)
    }

    /// The group of the processes that call with the same color.
    #[track_caller]
    pub(crate) fn split(&self, color: i32, key: i32) -> Result<Self> {
        let mut out = Self(Owned::empty());
        call::status("split", || {
            // SAFETY: fills a handle that `out` owns from a live group.
            unsafe { sys::mlx_distributed_group_split(out.0.as_mut_ptr(), self.raw(), color, key) }
        })?;
        Ok(out)
    }

    pub(crate) fn rank(&self) -> i32 {
        // SAFETY: asks a live group for a number.
        unsafe { sys::mlx_distributed_group_rank(self.raw()) }
    }

    pub(crate) fn size(&self) -> i32 {
        // SAFETY: asks a live group for a number.
        unsafe { sys::mlx_distributed_group_size(self.raw()) }
    }

    fn raw(&self) -> sys::mlx_distributed_group {
        self.0.raw()
    }

    #[track_caller]
    fn collect(&self, op: &'static str, f: Collective, x: &Array) -> Result<Array> {
        // SAFETY: `f` fills the array that `call` owns from a live array, group and stream.
        call::array(op, |out, s| unsafe { f(out, x.raw(), self.raw(), s) })
            .map_err(|e| e.given(format_args!("x: {x:?}")))
    }

    #[track_caller]
    pub(crate) fn all_sum(&self, x: &Array) -> Result<Array> {
        self.collect("all_sum", sys::mlx_distributed_all_sum, x)
    }

    #[track_caller]
    pub(crate) fn all_max(&self, x: &Array) -> Result<Array> {
        self.collect("all_max", sys::mlx_distributed_all_max, x)
    }

    #[track_caller]
    pub(crate) fn all_min(&self, x: &Array) -> Result<Array> {
        self.collect("all_min", sys::mlx_distributed_all_min, x)
    }

    #[track_caller]
    pub(crate) fn all_gather(&self, x: &Array) -> Result<Array> {
        self.collect("all_gather", sys::mlx_distributed_all_gather, x)
    }

    #[track_caller]
    pub(crate) fn sum_scatter(&self, x: &Array) -> Result<Array> {
        self.collect("sum_scatter", sys::mlx_distributed_sum_scatter, x)
    }

    #[track_caller]
    pub(crate) fn send(&self, x: &Array, to: i32) -> Result<Array> {
        call::array("send", |out, s| {
            // SAFETY: as for `collect`.
            unsafe { sys::mlx_distributed_send(out, x.raw(), to, self.raw(), s) }
        })
        .map_err(|e| e.given(format_args!("x: {x:?}, to: {to}")))
    }

    #[track_caller]
    pub(crate) fn recv(&self, shape: &[i32], dtype: Dtype, from: i32) -> Result<Array> {
        call::array("recv", |out, s| {
            let (lengths, rank) = (shape.as_ptr(), shape.len());
            // SAFETY: as for `collect`, and C copies `rank` lengths.
            unsafe { sys::mlx_distributed_recv(out, lengths, rank, dtype.raw(), from, self.raw(), s) }
        })
        .map_err(|e| e.given(format_args!("shape: {shape:?}, dtype: {dtype}, from: {from}")))
    }
}
