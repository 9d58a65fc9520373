//! Strings that C returns, and strings that it takes.

use std::ffi::{CStr, CString, c_int};

use mlx_sys as sys;

use super::owned::Owned;
use super::{Vector, call};
use crate::{Error, Kind, Result};

/// Runs a function that fills a string, and copies that.
#[track_caller]
pub(super) fn read(op: &'static str, f: impl FnOnce(*mut sys::mlx_string) -> c_int) -> Result<String> {
    let mut text = Owned::<sys::mlx_string>::empty();
    call::status(op, || f(text.as_mut_ptr()))?;
    // SAFETY: the function succeeded, so the string is filled; C ends it with a zero.
    let bytes = unsafe { CStr::from_ptr(sys::mlx_string_data(text.raw())) };
    Ok(bytes.to_string_lossy().into_owned())
}

/// `text` with the zero at its end that C needs.
#[track_caller]
pub(super) fn terminated(op: &'static str, text: &str) -> Result<CString> {
    match CString::new(text) {
        Ok(text) => Ok(text),
        Err(_) => Err(Error::new(Kind::Io, op, format!("{text:?} holds a zero byte"))),
    }
}

impl Vector<CString> {
    /// A vector that holds a copy of each text.
    #[track_caller]
    pub(super) fn of_texts(op: &'static str, texts: &[impl AsRef<str>]) -> Result<Self> {
        let mut owned = Vec::with_capacity(texts.len());
        for text in texts {
            owned.push(terminated(op, text.as_ref())?);
        }
        Self::collect(&owned)
    }

    #[track_caller]
    pub(super) fn into_texts(self) -> Result<Vec<String>> {
        Ok(self.into_vec()?.iter().map(|text| text.to_string_lossy().into_owned()).collect())
    }
}
