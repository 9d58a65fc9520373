//! The maps from names that C passes for files.

use std::collections::BTreeMap;
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

use mlx_sys as sys;

use super::owned::Owned;
use super::{Handle, call, string};
use crate::{Array, Result};

/// Arrays by name.
pub(super) struct Arrays(Owned<sys::mlx_map_string_to_array>);

impl Arrays {
    pub(super) fn empty() -> Self {
        Self(Owned::empty())
    }

    #[track_caller]
    pub(super) fn new<'a>(
        op: &'static str,
        arrays: impl IntoIterator<Item = (&'a str, &'a Array)>,
    ) -> Result<Self> {
        call::prepare();
        // SAFETY: C gives the new map away.
        let map = Self(unsafe { Owned::new(sys::mlx_map_string_to_array_new()) });
        for (name, array) in arrays {
            let key = string::terminated(op, name)?;
            call::status(op, || {
                // SAFETY: C copies the key and the handle, both live.
                unsafe { sys::mlx_map_string_to_array_insert(map.raw(), key.as_ptr(), array.raw()) }
            })?;
        }
        Ok(map)
    }

    /// The arrays of keywords.
    #[track_caller]
    pub(super) fn of_keywords(op: &'static str, keywords: &BTreeMap<String, Array>) -> Result<Self> {
        Self::new(op, keywords.iter().map(|(name, array)| (name.as_str(), array)))
    }

    /// Another map of the arrays in one of C's.
    ///
    /// # Safety
    /// `raw` must be live.
    #[track_caller]
    pub(super) unsafe fn copy_of(raw: sys::mlx_map_string_to_array) -> Result<Self> {
        let mut map = Self::empty();
        call::status("map", || {
            // SAFETY: live by this function's contract; C copies names and handles.
            unsafe { sys::mlx_map_string_to_array_set(map.as_mut_ptr(), raw) }
        })?;
        Ok(map)
    }

    pub(super) fn raw(&self) -> sys::mlx_map_string_to_array {
        self.0.raw()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_map_string_to_array {
        self.0.as_mut_ptr()
    }

    #[track_caller]
    pub(super) fn read(&self) -> Result<BTreeMap<String, Array>> {
        // SAFETY: the map outlives the iterator, which C gives away.
        let iterator = unsafe { Owned::new(sys::mlx_map_string_to_array_iterator_new(self.raw())) };
        let mut out = BTreeMap::new();
        loop {
            let (mut key, mut value) = (ptr::null(), Handle::empty());
            // SAFETY: C writes a key that points into the map, and a handle that `value` owns.
            let status = unsafe {
                sys::mlx_map_string_to_array_iterator_next(&raw mut key, value.as_mut_ptr(), iterator.raw())
            };
            if status != 0 {
                return at_end(status).map(|()| out);
            }
            // SAFETY: the map lives, and its keys are terminated.
            out.insert(unsafe { copied(key) }, Array::from_handle(value));
        }
    }
}

/// Texts by name.
pub(super) struct Strings(Owned<sys::mlx_map_string_to_string>);

impl Strings {
    pub(super) fn empty() -> Self {
        Self(Owned::empty())
    }

    #[track_caller]
    pub(super) fn new(op: &'static str, strings: &BTreeMap<String, String>) -> Result<Self> {
        call::prepare();
        // SAFETY: as for a map of arrays, C gives it away.
        let map = Self(unsafe { Owned::new(sys::mlx_map_string_to_string_new()) });
        for (name, value) in strings {
            let key = string::terminated(op, name)?;
            let value = string::terminated(op, value)?;
            call::status(op, || {
                // SAFETY: C copies both terminated strings.
                unsafe { sys::mlx_map_string_to_string_insert(map.raw(), key.as_ptr(), value.as_ptr()) }
            })?;
        }
        Ok(map)
    }

    pub(super) fn raw(&self) -> sys::mlx_map_string_to_string {
        self.0.raw()
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_map_string_to_string {
        self.0.as_mut_ptr()
    }

    #[track_caller]
    pub(super) fn read(&self) -> Result<BTreeMap<String, String>> {
        // SAFETY: the iterator is given away, and dropped before the map it goes over.
        let iterator = unsafe { Owned::new(sys::mlx_map_string_to_string_iterator_new(self.raw())) };
        let mut out = BTreeMap::new();
        loop {
            let (mut key, mut value) = (ptr::null(), ptr::null());
            // SAFETY: C writes two pointers into the map.
            let status = unsafe {
                sys::mlx_map_string_to_string_iterator_next(&raw mut key, &raw mut value, iterator.raw())
            };
            if status != 0 {
                return at_end(status).map(|()| out);
            }
            // SAFETY: keys and values of a live map are terminated.
            out.insert(unsafe { copied(key) }, unsafe { copied(value) });
        }
    }
}

/// Whether an iterator stopped because nothing was left, which C says by 2.
#[track_caller]
fn at_end(status: c_int) -> Result<()> {
    call::status("map", || if status == 2 { 0 } else { status })
}

/// A copy of C's terminated string.
///
/// # Safety
/// `text` must be null or point to a terminated string.
unsafe fn copied(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: not null, and terminated by this function's contract.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}
