//! Rust writers that MLX writes to.

use std::ffi::{c_char, c_int, c_void};
use std::io::Write;
use std::slice;

use mlx_sys as sys;

use super::guest::quietly;
use super::owned::Owned;
use super::{call, error};
use crate::{Error, Kind, Result};

struct Sink<'a> {
    writer: &'a mut dyn Write,
    failure: Option<String>,
}

impl Sink<'_> {
    /// Writes all of `bytes`, or keeps why that failed.
    fn write(&mut self, bytes: &[u8]) -> bool {
        self.failure = match quietly(|| self.writer.write_all(bytes).map_err(|error| error.to_string())) {
            Ok(Ok(())) => return true,
            Ok(Err(error)) => Some(error),
            Err(_) => Some("the writer panicked".to_owned()),
        };
        false
    }
}

/// Runs a function that writes to C's form of `writer`, all within the call.
#[track_caller]
pub(super) fn write(
    op: &'static str,
    writer: &mut dyn Write,
    save: impl FnOnce(sys::mlx_io_writer) -> c_int,
) -> Result<()> {
    let mut sink = Sink { writer, failure: None };
    call::prepare();
    // SAFETY: C passes the pointer to the callbacks below until its handle is freed, which is before `sink` is.
    let handle = unsafe { Owned::new(sys::mlx_io_writer_new((&raw mut sink).cast(), VTABLE)) };
    if handle.raw().ctx.is_null() {
        return Err(error::take(op));
    }
    let result = call::computed(op, || save(handle.raw()));
    drop(handle);
    match sink.failure {
        Some(why) => Err(Error::new(Kind::Io, op, why)),
        None => result,
    }
}

const VTABLE: sys::mlx_io_vtable = sys::mlx_io_vtable {
    is_open: Some(yes),
    good: Some(yes),
    tell: Some(start),
    seek: Some(no_seek),
    read: Some(no_read),
    read_at_offset: Some(no_read_at_offset),
    write: Some(write_all),
    label: Some(label),
    free: Some(keep),
};

unsafe extern "C" fn write_all(sink: *mut c_void, data: *const c_char, n: usize) -> usize {
    if n == 0 || data.is_null() {
        return 0;
    }
    // SAFETY: C calls on the thread that waits in `write`, with that one's sink and `n` bytes to read.
    let (sink, bytes) = unsafe { (&mut *sink.cast::<Sink<'_>>(), slice::from_raw_parts(data.cast(), n)) };
    if sink.write(bytes) { n } else { 0 }
}

extern "C" fn yes(_: *mut c_void) -> bool {
    true
}

extern "C" fn start(_: *mut c_void) -> usize {
    0
}

extern "C" fn no_seek(_: *mut c_void, _: i64, _: c_int) -> c_int {
    -1
}

extern "C" fn no_read(_: *mut c_void, _: *mut c_char, _: usize) -> usize {
    0
}

extern "C" fn no_read_at_offset(_: *mut c_void, _: *mut c_char, _: usize, _: usize) -> usize {
    0
}

extern "C" fn label(_: *mut c_void) -> *const c_char {
    c"writer".as_ptr()
}

extern "C" fn keep(_: *mut c_void) {}
