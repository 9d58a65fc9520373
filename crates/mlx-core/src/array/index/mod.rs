//! `x.index((.., -1, 2..5, NewAxis))` reads parts of an array, `x.at((.., -1)).set(0)` gives one with parts
//! changed.
//!
//! `entry` is how an index is written, `plan` what it means for one shape; `at` changes.

mod at;
mod entry;
mod plan;

pub use at::At;
pub use entry::{Index, IntoIndices, NewAxis, Slice};

use crate::{Array, Result};
use plan::Plan;

impl Array {
    /// The part of the array that `index` names, placed as NumPy places it.
    ///
    /// Entries are integers, ranges, [`Slice`], [`NewAxis`], lists of places, index arrays, and `...` written as
    /// [`Index::Ellipsis`]. Missing entries at the end mean whole axes. Index arrays, lists and the integers
    /// beside them broadcast together; their axes come where the first of them is, or first of all if something
    /// else stands between them.
    ///
    /// ```
    /// let x = mlx_core::Array::from([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.index((.., -1))?.to_vec::<i32>()?, [3, 6]);
    /// assert_eq!(x.index(([0, 1], [2, 0]))?.to_vec::<i32>()?, [3, 4]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// There are more entries than axes, a step is zero, index arrays do not broadcast, or an integer is out of
    /// range; numbers in index arrays are clamped instead. A mask is refused: how many elements it picks is not
    /// known before it is computed. `x.index(mask.nonzero()?)` computes it.
    #[track_caller]
    pub fn index(&self, index: impl IntoIndices) -> Result<Self> {
        let plan = Plan::new(self.shape(), index.into_indices(), "index")?;
        if plan.is_empty() {
            return Self::zeros(plan.shape(), self.dtype());
        }
        let cut = plan.bounds.cut(self)?;
        let picked = if plan.places.is_empty() {
            cut
        } else {
            cut.gather(plan.places(), plan.bounds.sizes(&plan.places))?
        };
        plan.to_result(&picked)
    }

    /// The part of the array that `index` names, to be changed: `x.at(index).set(value)` gives the whole array
    /// with that part changed, and `x` stays as it is.
    ///
    /// `index` is what [`Array::index`] takes, or a mask alone: an array of truth values of the shape of the
    /// first axes.
    ///
    /// ```
    /// use mlx_core::Array;
    ///
    /// let x = Array::from([[1, 2, 3], [4, 5, 6]]);
    /// assert_eq!(x.at((.., 1)).set(0)?.to_vec::<i32>()?, [1, 0, 3, 4, 0, 6]);
    /// assert_eq!(x.at((0, [1, 1])).add(5)?.to_vec::<i32>()?, [1, 12, 3, 4, 5, 6]);
    /// assert_eq!(x.at(&x.greater(4)?).set(4)?.to_vec::<i32>()?, [1, 2, 3, 4, 4, 4]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    pub fn at(&self, index: impl IntoIndices) -> At<'_> {
        At::new(self, index.into_indices())
    }
}
