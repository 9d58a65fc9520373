//! GGUF files, by MLX's own reader and writer.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString, c_int};
use std::path::Path;

use mlx_sys as sys;

use super::owned::Owned;
use super::{Handle, Vector, call, error, io, string};
use crate::io::GgufValue;
use crate::{Array, Device, Error, Kind, Result, stream};

/// What a file holds, while it is read or written.
pub(crate) struct RawGguf(Owned<sys::mlx_io_gguf>);

/// C's functions that say whether a key has a value of a kind.
type Has = unsafe extern "C" fn(*mut bool, sys::mlx_io_gguf, *const std::ffi::c_char) -> c_int;

impl RawGguf {
    #[track_caller]
    pub(crate) fn new() -> Result<Self> {
        call::prepare();
        // SAFETY: C gives the new object away.
        let gguf = Self(unsafe { Owned::new(sys::mlx_io_gguf_new()) });
        if gguf.0.raw().ctx.is_null() { Err(error::take("save_gguf")) } else { Ok(gguf) }
    }

    /// Reads a file that was checked and that nobody else changes: MLX trusts what it says, and maps it.
    #[track_caller]
    pub(crate) fn load(path: &Path) -> Result<Self> {
        let file = io::terminated("load_gguf", path)?;
        let stream = stream::default_of(Device::Cpu)?;
        let mut gguf = Self(Owned::empty());
        call::status("load_gguf", || {
            // SAFETY: fills an object that is owned here; the path is terminated and the stream live.
            unsafe { sys::mlx_load_gguf(gguf.0.as_mut_ptr(), file.as_ptr(), stream.raw()) }
        })?;
        Ok(gguf)
    }

    #[track_caller]
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let file = io::terminated("save_gguf", path)?;
        // SAFETY: a terminated path and a live object.
        call::computed("save_gguf", || unsafe { sys::mlx_save_gguf(file.as_ptr(), self.0.raw()) })
    }

    #[track_caller]
    pub(crate) fn arrays(&self) -> Result<BTreeMap<String, Array>> {
        let mut keys = Vector::<CString>::empty();
        // SAFETY: fills a vector that `keys` owns from a live object.
        call::status("load_gguf", || unsafe { sys::mlx_io_gguf_get_keys(keys.as_mut_ptr(), self.0.raw()) })?;
        let mut arrays = BTreeMap::new();
        for name in keys.into_texts()? {
            let (key, mut out) = (string::terminated("load_gguf", &name)?, Handle::empty());
            call::status("load_gguf", || {
                // SAFETY: fills a handle that `out` owns; the object and the key are live.
                unsafe { sys::mlx_io_gguf_get_array(out.as_mut_ptr(), self.0.raw(), key.as_ptr()) }
            })?;
            let array = Array::from_handle(out);
            array.check_shape("load_gguf")?;
            arrays.insert(name, array);
        }
        Ok(arrays)
    }

    /// The value of a key that the file has.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> Result<GgufValue> {
        let key = string::terminated("load_gguf", name)?;
        if self.has(sys::mlx_io_gguf_has_metadata_string, &key)? {
            return Ok(GgufValue::String(string::read("load_gguf", |out| {
                // SAFETY: fills a string that `read` owns from a live object.
                unsafe { sys::mlx_io_gguf_get_metadata_string(out, self.0.raw(), key.as_ptr()) }
            })?));
        }
        if self.has(sys::mlx_io_gguf_has_metadata_vector_string, &key)? {
            let mut out = Vector::<CString>::empty();
            call::status("load_gguf", || {
                let (out, gguf) = (out.as_mut_ptr(), self.0.raw());
                // SAFETY: fills a vector that is owned here from a live object.
                unsafe { sys::mlx_io_gguf_get_metadata_vector_string(out, gguf, key.as_ptr()) }
            })?;
            return out.into_texts().map(GgufValue::Strings);
        }
        if self.has(sys::mlx_io_gguf_has_metadata_array, &key)? {
            let mut out = Handle::empty();
            call::status("load_gguf", || {
                // SAFETY: fills a handle that is owned here from a live object.
                unsafe { sys::mlx_io_gguf_get_metadata_array(out.as_mut_ptr(), self.0.raw(), key.as_ptr()) }
            })?;
            return Ok(GgufValue::Array(Array::from_handle(out)));
        }
        Err(Error::new(Kind::Io, "load_gguf", format!("MLX did not read the value of {name}")))
    }

    /// Whether the value of `key` is of the kind that `function` asks for. C says by 2 that there is none.
    #[track_caller]
    fn has(&self, function: Has, key: &CStr) -> Result<bool> {
        let mut found = false;
        call::status("load_gguf", || {
            // SAFETY: writes one bool about a live object and a terminated key.
            let status = unsafe { function(&raw mut found, self.0.raw(), key.as_ptr()) };
            if status == 2 { 0 } else { status }
        })?;
        Ok(found)
    }

    #[track_caller]
    pub(crate) fn set_array(&self, name: &str, array: &Array) -> Result<()> {
        let key = string::terminated("save_gguf", name)?;
        // SAFETY: C copies the key and the handle, both live.
        call::status("save_gguf", || unsafe {
            sys::mlx_io_gguf_set_array(self.0.raw(), key.as_ptr(), array.raw())
        })
    }

    #[track_caller]
    pub(crate) fn set_value(&self, name: &str, value: &GgufValue) -> Result<()> {
        let (gguf, key) = (self.0.raw(), string::terminated("save_gguf", name)?);
        match value {
            GgufValue::Array(array) => call::status("save_gguf", || {
                // SAFETY: C copies the live key and handle.
                unsafe { sys::mlx_io_gguf_set_metadata_array(gguf, key.as_ptr(), array.raw()) }
            }),
            GgufValue::String(text) => {
                let text = string::terminated("save_gguf", text)?;
                call::status("save_gguf", || {
                    // SAFETY: C copies both terminated strings.
                    unsafe { sys::mlx_io_gguf_set_metadata_string(gguf, key.as_ptr(), text.as_ptr()) }
                })
            }
            GgufValue::Strings(list) => {
                let list = Vector::of_texts("save_gguf", list)?;
                call::status("save_gguf", || {
                    // SAFETY: C copies the key and the vector, both live.
                    unsafe { sys::mlx_io_gguf_set_metadata_vector_string(gguf, key.as_ptr(), list.raw()) }
                })
            }
        }
    }
}
