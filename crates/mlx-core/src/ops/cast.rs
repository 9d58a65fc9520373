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
    ///
    /// A byte read as `bool` is true unless it is zero. A wider type costs a copy.
    #[track_caller]
    pub fn view(&self, dtype: Dtype) -> Result<Self> {
        let from = self.dtype();
        if dtype == Dtype::Bool && from != Dtype::Bool {
            return raw::view(self, Dtype::Uint8)?.not_equal(0);
        }
        if dtype.size() > from.size() && self.ndim() > 0 {
            // A slice may begin at any byte; a padded array begins where its buffer does, which is aligned.
            return raw::view(&self.pad([], 0)?, dtype);
        }
        raw::view(self, dtype)
    }
}
