//! C's vectors: of arrays, texts, numbers and streams.

use std::ffi::{CStr, CString, c_char, c_int};
use std::{fmt, ptr};

use mlx_sys as sys;

use super::owned::{Empty, Owned};
use super::stream::RawStream;
use super::{Handle, call};
use crate::{Array, Result};

/// What C has a vector of.
pub(crate) trait Item: Sized {
    /// How C takes one.
    type Raw: Copy;
    /// C's vector.
    type Vector: Empty;

    fn raw(&self) -> Self::Raw;

    /// Replaces what `vector` holds.
    ///
    /// # Safety
    /// `vector` must be valid and its own, and `data` point to `len` live items, which C copies.
    unsafe fn set_data(vector: *mut Self::Vector, data: *const Self::Raw, len: usize) -> c_int;

    /// Makes `vector` hold what `from` holds.
    ///
    /// # Safety
    /// Both must be live, and `vector` its own.
    unsafe fn set(vector: *mut Self::Vector, from: Self::Vector) -> c_int;

    /// How many items there are.
    ///
    /// # Safety
    /// `vector` must be live.
    unsafe fn size(vector: Self::Vector) -> usize;

    /// An item, which C checks to be there.
    ///
    /// # Safety
    /// `vector` must be live.
    unsafe fn get(vector: Self::Vector, index: usize) -> Result<Self>;
}

macro_rules! items {
    ($($item:ty, $raw:ty => $vector:ident, $set_data:ident, $set:ident, $size:ident,
        |$value:ident| $as_raw:expr, |$from:ident, $index:ident| $get:expr;)*) => {$(
        impl Item for $item {
            type Raw = $raw;
            type Vector = sys::$vector;

            fn raw(&self) -> $raw {
                let $value = self;
                $as_raw
            }

            unsafe fn set_data(vector: *mut sys::$vector, data: *const $raw, len: usize) -> c_int {
                // SAFETY: live items and a valid vector; where C's type lets it write to items, it does not.
                unsafe { sys::$set_data(vector, data.cast_mut(), len) }
            }

            unsafe fn set(vector: *mut sys::$vector, from: sys::$vector) -> c_int {
                // SAFETY: two live vectors, of which C copies the second.
                unsafe { sys::$set(vector, from) }
            }

            unsafe fn size(vector: sys::$vector) -> usize {
                // SAFETY: C reads the length of a live vector.
                unsafe { sys::$size(vector) }
            }

            #[track_caller]
            unsafe fn get($from: sys::$vector, $index: usize) -> Result<Self> {
                $get
            }
        }
    )*};
}

items! {
    Array, sys::mlx_array => mlx_vector_array, mlx_vector_array_set_data, mlx_vector_array_set, mlx_vector_array_size,
        |array| Array::raw(array),
        |from, index| {
            let mut out = Handle::empty();
            // SAFETY: C copies a handle of a live vector into one that `out` owns.
            call::status("vector", || unsafe { sys::mlx_vector_array_get(out.as_mut_ptr(), from, index) })?;
            Ok(Self::from_handle(out))
        };
    CString, *const c_char => mlx_vector_string, mlx_vector_string_set_data, mlx_vector_string_set, mlx_vector_string_size,
        |text| text.as_ptr(),
        |from, index| {
            let mut text = ptr::null_mut();
            // SAFETY: writes a pointer into a live vector.
            call::status("vector", || unsafe { sys::mlx_vector_string_get(&raw mut text, from, index) })?;
            // SAFETY: the call succeeded, so this is a terminated string of the live vector.
            Ok(unsafe { CStr::from_ptr(text) }.to_owned())
        };
    c_int, c_int => mlx_vector_int, mlx_vector_int_set_data, mlx_vector_int_set, mlx_vector_int_size,
        |number| *number,
        |from, index| {
            let mut number = 0;
            // SAFETY: writes one number.
            call::status("vector", || unsafe { sys::mlx_vector_int_get(&raw mut number, from, index) })?;
            Ok(number)
        };
    RawStream, sys::mlx_stream => mlx_vector_stream, mlx_vector_stream_set_data, mlx_vector_stream_set, mlx_vector_stream_size,
        |stream| RawStream::raw(stream),
        |from, index| {
            let mut out = RawStream::empty();
            // SAFETY: C copies a name of a live vector into one that `out` owns.
            call::status("vector", || unsafe { sys::mlx_vector_stream_get(out.as_mut_ptr(), from, index) })?;
            Ok(out)
        };
}

/// An owned vector, of arrays unless something else is said.
pub(crate) struct Vector<T: Item = Array>(Owned<T::Vector>);

impl<T: Item> Vector<T> {
    pub(super) fn empty() -> Self {
        Self(Owned::empty())
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut T::Vector {
        self.0.as_mut_ptr()
    }

    pub(super) fn raw(&self) -> T::Vector {
        self.0.raw()
    }

    /// A vector that holds a copy or a handle of each item.
    #[track_caller]
    pub(crate) fn collect<'a>(items: impl IntoIterator<Item = &'a T>) -> Result<Self>
    where
        T: 'a,
    {
        let raw: Vec<_> = items.into_iter().map(T::raw).collect();
        let mut vector = Self::empty();
        // SAFETY: as many live items as C is told, into a vector that is owned here.
        call::status("vector", || unsafe { T::set_data(vector.as_mut_ptr(), raw.as_ptr(), raw.len()) })?;
        Ok(vector)
    }

    /// Another vector of the items in one of C's.
    ///
    /// # Safety
    /// `raw` must be live.
    #[track_caller]
    pub(super) unsafe fn copy_of(raw: T::Vector) -> Result<Self> {
        let mut vector = Self::empty();
        // SAFETY: live by this function's contract, into a vector that is owned here.
        call::status("vector", || unsafe { T::set(vector.as_mut_ptr(), raw) })?;
        Ok(vector)
    }

    #[track_caller]
    pub(super) fn into_vec(self) -> Result<Vec<T>> {
        (0..self.len()).map(|index| self.get(index)).collect()
    }

    fn len(&self) -> usize {
        // SAFETY: a live vector.
        unsafe { T::size(self.raw()) }
    }

    #[track_caller]
    fn get(&self, index: usize) -> Result<T> {
        // SAFETY: the vector is live while it is borrowed.
        unsafe { T::get(self.raw(), index) }
    }
}

impl<T: Item + fmt::Debug> fmt::Debug for Vector<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries((0..self.len()).filter_map(|index| self.get(index).ok())).finish()
    }
}
