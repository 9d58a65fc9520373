//! Vectors of arrays.

use std::fmt;

use mlx_sys as sys;

use super::owned::Owned;
use super::{Handle, call};
use crate::{Array, Result};

/// An owned `mlx_vector_array`.
pub(crate) struct Vector(Owned<sys::mlx_vector_array>);

impl Vector {
    pub(super) fn empty() -> Self {
        Self(Owned::empty())
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut sys::mlx_vector_array {
        self.0.as_mut_ptr()
    }

    pub(super) fn raw(&self) -> sys::mlx_vector_array {
        self.0.raw()
    }

    /// A vector that holds a handle of each array.
    #[track_caller]
    pub(crate) fn collect<'a>(arrays: impl IntoIterator<Item = &'a Array>) -> Result<Self> {
        let raw: Vec<_> = arrays.into_iter().map(Array::raw).collect();
        let mut vector = Self::empty();
        call::status("vector", || {
            // SAFETY: C copies `raw.len()` live handles into a vector that `vector` owns.
            unsafe { sys::mlx_vector_array_set_data(vector.as_mut_ptr(), raw.as_ptr(), raw.len()) }
        })?;
        Ok(vector)
    }

    /// Another vector of the arrays in one of C's.
    ///
    /// # Safety
    /// `raw` must be live.
    #[track_caller]
    pub(super) unsafe fn copy_of(raw: sys::mlx_vector_array) -> Result<Self> {
        let mut vector = Self::empty();
        call::status("vector", || {
            // SAFETY: live by this function's contract; C copies its handles.
            unsafe { sys::mlx_vector_array_set(vector.as_mut_ptr(), raw) }
        })?;
        Ok(vector)
    }

    #[track_caller]
    pub(super) fn into_arrays(self) -> Result<Vec<Array>> {
        (0..self.len()).map(|index| self.get(index)).collect()
    }

    fn len(&self) -> usize {
        // SAFETY: reads the length of a live vector.
        unsafe { sys::mlx_vector_array_size(self.raw()) }
    }

    #[track_caller]
    fn get(&self, index: usize) -> Result<Array> {
        let mut out = Handle::empty();
        // SAFETY: C checks the index and copies the handle.
        call::status("vector", || unsafe { sys::mlx_vector_array_get(out.as_mut_ptr(), self.raw(), index) })?;
        Ok(Array::from_handle(out))
    }
}

impl fmt::Debug for Vector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.len()).filter_map(|index| self.get(index).ok())).finish()
    }
}
