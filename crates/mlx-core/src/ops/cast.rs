//! Changing the type of the elements.

use crate::ffi::raw;
use crate::{Array, Dtype, Result};

impl Array {
    /// The same values in another type.
    #[track_caller]
    pub fn astype(&self, dtype: Dtype) -> Result<Self> {
        raw::astype(self, dtype)
    }

    /// The same bytes read as another type; the last axis changes length with the size of an element.
    #[track_caller]
    pub fn view(&self, dtype: Dtype) -> Result<Self> {
        raw::view(self, dtype)
    }
}
