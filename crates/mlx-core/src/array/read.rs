//! Reading values, which computes them first.

use crate::ffi::{data, raw};
use crate::{Array, Element, Error, Kind, Result};

impl Array {
    /// Computes the array and returns when that is done.
    #[track_caller]
    pub fn eval(&self) -> Result<()> {
        crate::eval([self])
    }

    /// The elements in row-major order.
    ///
    /// # Errors
    /// The array holds another type: convert it with [`Array::astype`] first.
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Result<Vec<T>> {
        self.check_type::<T>("to_vec")?;
        data::copy_out(&raw::contiguous(self, false)?)
    }

    /// The only element.
    ///
    /// # Errors
    /// The array holds another type, or not exactly one element.
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        self.check_type::<T>("item")?;
        let only = if self.size() == 1 { data::copy_out(self)?.first().copied() } else { None };
        match only {
            Some(item) => Ok(item),
            None => {
                Err(Error::new(Kind::Shape, "item", format!("shape {:?} is not one element", self.shape())))
            }
        }
    }

    #[track_caller]
    fn check_type<T: Element>(&self, op: &'static str) -> Result<()> {
        let (found, wanted) = (self.dtype(), T::DTYPE);
        if found == wanted {
            return Ok(());
        }
        Err(Error::new(
            Kind::Dtype,
            op,
            format!("the array holds {found}, not {wanted}: convert it with astype"),
        ))
    }
}
