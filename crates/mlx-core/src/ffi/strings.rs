//! Vectors of strings.

use std::ffi::{CStr, CString};
use std::ptr;

use mlx_sys as sys;

use super::owned::Owned;
use super::{call, error, string};
use crate::Result;

/// An owned `mlx_vector_string`.
pub(super) struct StringVector(Owned<sys::mlx_vector_string>);

impl StringVector {
    pub(super) fn empty() -> Self {
        Self(Owned::empty())
    }

    /// A vector that holds a copy of each string.
    #[track_caller]
    pub(super) fn new(op: &'static str, strings: &[String]) -> Result<Self> {
        let mut owned = Vec::with_capacity(strings.len());
        for text in strings {
            owned.push(string::terminated(op, text)?);
        }
        let mut pointers: Vec<_> = owned.iter().map(|text: &CString| text.as_ptr()).collect();
        call::prepare();
        // SAFETY: C copies as many terminated strings as there are, and gives the vector away.
        let raw = unsafe { sys::mlx_vector_string_new_data(pointers.as_mut_ptr(), pointers.len()) };
        // SAFETY: nobody else frees what C just made.
        let vector = Self(unsafe { Owned::new(raw) });
        if vector.raw().ctx.is_null() { Err(error::take(op)) } else { Ok(vector) }
    }

    pub(super) fn raw(&self) -> sys::mlx_vector_string {
        self.0.raw()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_vector_string {
        self.0.as_mut_ptr()
    }

    #[track_caller]
    pub(super) fn read(&self, op: &'static str) -> Result<Vec<String>> {
        // SAFETY: reads the length of a live vector.
        let length = unsafe { sys::mlx_vector_string_size(self.raw()) };
        let mut strings = Vec::with_capacity(length);
        for index in 0..length {
            let mut text = ptr::null_mut();
            // SAFETY: C checks the index, and writes a pointer into the vector.
            call::status(op, || unsafe { sys::mlx_vector_string_get(&raw mut text, self.raw(), index) })?;
            // SAFETY: the call succeeded, so `text` points to a terminated string of a live vector.
            strings.push(unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned());
        }
        Ok(strings)
    }
}
