//! Reading values, which computes them first.

use std::borrow::Cow;

use crate::ffi::data;
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
        data::copy_out(&self.contiguous(false)?)
    }

    /// The elements in row-major order, where they lie if they lie in that order, else copied.
    ///
    /// ```
    /// use std::borrow::Cow;
    ///
    /// let x = mlx_core::Array::from([[1, 2], [3, 4]]);
    /// assert!(matches!(x.as_slice::<i32>()?, Cow::Borrowed([1, 2, 3, 4])));
    /// assert!(matches!(x.t()?.as_slice::<i32>()?, Cow::Owned(v) if v == [1, 3, 2, 4]));
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The array holds another type: convert it with [`Array::astype`] first.
    #[track_caller]
    pub fn as_slice<T: Element>(&self) -> Result<Cow<'_, [T]>> {
        self.check_type::<T>("as_slice")?;
        match data::borrow(self)? {
            Some(elements) => Ok(Cow::Borrowed(elements)),
            None => self.to_vec().map(Cow::Owned),
        }
    }

    /// The only element.
    ///
    /// # Errors
    /// The array holds another type, or not exactly one element.
    #[track_caller]
    pub fn item<T: Element>(&self) -> Result<T> {
        self.check_type::<T>("item")?;
        if self.size() != 1 {
            let message = format!("shape {:?} is not one element", self.shape());
            return Err(Error::new(Kind::Shape, "item", message));
        }
        data::item(self)
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
