//! Strings that C returns, and strings that it takes.

use std::ffi::{CStr, CString, c_int};

use mlx_sys as sys;

use super::call;
use crate::{Error, Kind, Result};

/// Runs a function that fills a string, and copies that.
#[track_caller]
pub(super) fn read(op: &'static str, f: impl FnOnce(*mut sys::mlx_string) -> c_int) -> Result<String> {
    let mut text = Text(sys::mlx_string { ctx: std::ptr::null_mut() });
    call::status(op, || f(&raw mut text.0))?;
    // SAFETY: the function succeeded, so the string is filled; C ends it with a zero.
    let bytes = unsafe { CStr::from_ptr(sys::mlx_string_data(text.0)) };
    Ok(bytes.to_string_lossy().into_owned())
}

struct Text(sys::mlx_string);

impl Drop for Text {
    fn drop(&mut self) {
        // SAFETY: owned, freed once; an empty one is allowed.
        unsafe { sys::mlx_string_free(self.0) };
    }
}

/// `text` with the zero at its end that C needs.
#[track_caller]
pub(super) fn terminated(op: &'static str, text: &str) -> Result<CString> {
    match CString::new(text) {
        Ok(text) => Ok(text),
        Err(_) => Err(Error::new(Kind::Io, op, format!("{text:?} holds a zero byte"))),
    }
}
