//! The array and its parts: building, reading, indexing, operators, printing.

pub(crate) mod build;
mod fmt;
mod index;
mod iter;
mod layout;
mod operand;
mod operator;
mod read;
mod sequence;

pub use index::{At, Index, IntoIndices, NewAxis, Slice};
pub use iter::Iter;
pub use layout::Layout;
pub use operand::Operand;
pub use sequence::{Interval, Steps};

use crate::ffi::Handle;
use crate::{Error, Kind, Result};

/// A lazy n-dimensional array.
///
/// It is a handle: a clone is cheap and means the same array. It stays on its thread, because MLX's arrays
/// change without synchronisation when they are computed, and can only be computed on the thread that built
/// them.
///
/// ```compile_fail,E0277
/// let a = mlx_core::Array::from(1.0);
/// std::thread::spawn(move || a.item::<f32>());
/// ```
#[derive(Clone)]
pub struct Array {
    handle: Handle,
}

impl Array {
    pub(crate) fn from_handle(handle: Handle) -> Self {
        Self { handle }
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The number of axes.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// The length of an axis; -1 is the last.
    #[track_caller]
    pub fn dim(&self, axis: i32) -> Result<i32> {
        let at = self.axis(axis, "dim")?;
        Ok(self.shape().get(at).copied().unwrap_or_default())
    }

    /// The shape of an array that must have `N` axes, for a pattern: `let [batch, length] = x.dims()?`.
    #[track_caller]
    pub fn dims<const N: usize>(&self) -> Result<[i32; N]> {
        let shape = self.shape();
        match shape.try_into() {
            Ok(lengths) => Ok(lengths),
            Err(_) => {
                Err(Error::new(Kind::Shape, "dims", format!("expected {N} axes, found shape {shape:?}")))
            }
        }
    }

    /// `axis` counted from the front.
    #[track_caller]
    pub(crate) fn axis(&self, axis: i32, op: &'static str) -> Result<usize> {
        let rank = self.ndim();
        let at = if axis < 0 { rank.checked_sub(axis.unsigned_abs() as usize) } else { Some(axis as usize) };
        match at.filter(|&at| at < rank) {
            Some(at) => Ok(at),
            None => {
                let message = format!("axis {axis} is outside an array of shape {:?}", self.shape());
                Err(Error::new(Kind::Shape, op, message))
            }
        }
    }
}
