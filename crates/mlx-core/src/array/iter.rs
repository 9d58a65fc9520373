//! Going over the first axis.

use std::ops::Range;

use crate::{Array, Error, Kind, Result};

/// The parts of an array along its first axis, from [`Array::iter`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    array: &'a Array,
    left: Range<i32>,
}

impl Array {
    /// The parts `x[0]`, `x[1]`, … along the first axis, made as they are asked for.
    ///
    /// ```
    /// let x = mlx_core::Array::from([[1, 2], [3, 4]]);
    /// let sums: Vec<i32> = x.iter()?.map(|row| row?.sum(..)?.item()).collect::<Result<_, _>>()?;
    /// assert_eq!(sums, [3, 7]);
    /// # Ok::<(), mlx_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// The array has no axis.
    #[track_caller]
    pub fn iter(&self) -> Result<Iter<'_>> {
        match self.shape().first() {
            Some(&length) => Ok(Iter { array: self, left: 0..length }),
            None => Err(Error::new(Kind::Shape, "iter", "an array without axes has no parts")),
        }
    }
}

impl Iter<'_> {
    #[track_caller]
    fn part(&self, place: i32) -> Result<Array> {
        self.array.index(place)
    }
}

impl Iterator for Iter<'_> {
    type Item = Result<Array>;

    fn next(&mut self) -> Option<Result<Array>> {
        self.left.next().map(|place| self.part(place))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.left.size_hint()
    }
}

impl DoubleEndedIterator for Iter<'_> {
    fn next_back(&mut self) -> Option<Result<Array>> {
        self.left.next_back().map(|place| self.part(place))
    }
}

impl ExactSizeIterator for Iter<'_> {}
