//! Index arrays within the axes that they are for. MLX reads and writes wherever they point.

use crate::ffi::Vector;
use crate::{Array, Axes, Dtype, Error, Kind, Result, select};

/// Index arrays with the axes of a source that they are for.
pub(super) struct Places<'a> {
    op: &'static str,
    source: &'a Array,
    pub(super) arrays: Vec<Array>,
    pub(super) axes: Vec<i32>,
    /// The shape that the arrays broadcast to.
    pub(super) shape: Vec<i32>,
}

impl<'a> Places<'a> {
    #[track_caller]
    pub(super) fn new<'b>(
        source: &'a Array,
        places: impl IntoIterator<Item = (i32, &'b Array)>,
        op: &'static str,
    ) -> Result<Self> {
        let mut out = Self { op, source, arrays: Vec::new(), axes: Vec::new(), shape: Vec::new() };
        for (axis, indices) in places {
            out.axes.push(source.axis(axis, op)? as i32);
            out.arrays.push(indices.clone());
        }
        out.shape = broadcast_shape(out.arrays.iter().map(Array::shape), op)?;
        Ok(out)
    }

    /// The same within the places where a block of `sizes` fits, all of one type.
    #[track_caller]
    pub(super) fn fit(mut self, sizes: &[i32]) -> Result<Self> {
        self.check(sizes)?;
        let mixed = self.arrays.windows(2).any(|pair| matches!(pair, [a, b] if a.dtype() != b.dtype()));
        for (indices, &axis) in self.arrays.iter_mut().zip(&self.axes) {
            let size =
                usize::try_from(axis).ok().and_then(|axis| sizes.get(axis)).copied().unwrap_or_default();
            let length = self.source.dim(axis)?;
            let inside = indices.clamped(length, self.op)?;
            let small = if mixed || size != 1 { inside.astype(Dtype::Int32)? } else { inside };
            *indices = if size == 1 { small } else { from_front(&small, length)?.minimum(length - size)? };
        }
        Ok(self)
    }

    #[track_caller]
    pub(super) fn vector(&self) -> Result<Vector> {
        Vector::collect(&self.arrays)
    }

    /// The same places and updates with blocks of length 1 along the axes that have places: MLX's gradient by the
    /// updates takes all blocks for such.
    #[track_caller]
    pub(super) fn one_by_one(mut self, updates: &Array) -> Result<(Self, Array)> {
        let mut updates = updates.clone();
        for number in 0..self.arrays.len() {
            let rank = self.shape.len() as i32;
            let axis = self.axes.get(number).copied().unwrap_or_default();
            let size = updates.dim(rank + axis)?;
            if size == 1 {
                continue;
            }
            if i32::try_from(updates.size()).is_err() {
                let message = format!("updates of shape {:?} are more than 2147483647", updates.shape());
                return Err(Error::new(Kind::Shape, self.op, message));
            }
            updates = updates.moveaxis(rank + axis, rank)?.expand_dims(rank + 1 + axis)?;
            self.shape.push(size);
            for (at, indices) in self.arrays.iter_mut().enumerate() {
                let wide = indices.expand_dims(-1)?;
                *indices = if at == number { (&wide + &Array::arange(0..size)?)? } else { wide };
            }
        }
        Ok((self, updates))
    }

    /// Refuses a block that is larger than the source, and what MLX would count in 32 bits.
    #[track_caller]
    fn check(&self, sizes: &[i32]) -> Result<()> {
        let lengths = self.source.shape();
        let fits = sizes.len() == lengths.len()
            && sizes.iter().zip(lengths).all(|(size, length)| (0..=*length).contains(size));
        if !fits {
            let message = format!("a block of shape {sizes:?} does not fit into shape {lengths:?}");
            return Err(Error::new(Kind::Shape, self.op, message));
        }
        let is_counted = |shape: &[i32]| {
            let count = shape.iter().try_fold(1_i64, |count, &length| count.checked_mul(length.into()));
            count.is_some_and(|count| i32::try_from(count).is_ok())
        };
        if is_counted(sizes) && is_counted(&self.shape) {
            return Ok(());
        }
        let message =
            format!("blocks of shape {sizes:?} at places of shape {:?} are more than 2147483647", self.shape);
        Err(Error::new(Kind::Shape, self.op, message))
    }
}

impl Array {
    /// These indices within an axis of `length`, negative ones as they are.
    #[track_caller]
    pub(super) fn clamped(&self, length: i32, op: &'static str) -> Result<Self> {
        self.check_indices(length, op)?;
        let (least, greatest) = integer_range(self.dtype());
        let last = i64::from(length) - 1;
        let below = if last < greatest { self.minimum(last)? } else { self.clone() };
        if least < -i64::from(length) { below.maximum(-i64::from(length)) } else { Ok(below) }
    }

    /// Refuses what cannot be an index into an axis of `length`.
    #[track_caller]
    pub(crate) fn check_indices(&self, length: i32, op: &'static str) -> Result<()> {
        let dtype = self.dtype();
        let (kind, message) = if !dtype.is_integer() {
            (Kind::Dtype, format!("indices are whole numbers, not {dtype}"))
        } else if length == 0 && self.size() > 0 {
            (Kind::Index, "there is no element to pick on an axis of length 0".to_owned())
        } else if i32::try_from(self.size()).is_err() {
            (Kind::Shape, format!("indices of shape {:?} are more than 2147483647", self.shape()))
        } else {
            return Ok(());
        };
        Err(Error::new(kind, op, message))
    }

    /// This array and the axis that `axes` names; the elements in a line and 0 for `..`.
    #[track_caller]
    pub(super) fn one_line(&self, axes: Axes, op: &'static str) -> Result<(Self, i32)> {
        match self.one_axis(axes, op)? {
            (Some(axis), _) => Ok((self.clone(), self.axis(axis, op)? as i32)),
            (None, _) => Ok((self.flatten(0, -1)?, 0)),
        }
    }
}

/// Indices counted from the front of axes of `length`.
#[track_caller]
pub(super) fn from_front<'a>(indices: &Array, length: impl crate::Operand<'a>) -> Result<Array> {
    select(&indices.less(0)?, &(indices + length)?, indices)
}

/// The shape that arrays of these shapes broadcast to.
#[track_caller]
pub(crate) fn broadcast_shape<'a>(
    shapes: impl IntoIterator<Item = &'a [i32]>,
    op: &'static str,
) -> Result<Vec<i32>> {
    let mut out: Vec<i32> = Vec::new();
    for shape in shapes {
        let missing = shape.len().saturating_sub(out.len());
        out.splice(..0, std::iter::repeat_n(1, missing));
        for (length, &other) in out.iter_mut().rev().zip(shape.iter().rev()) {
            if *length != other && *length != 1 && other != 1 {
                let message = format!("an index array of shape {shape:?} does not broadcast with the others");
                return Err(Error::new(Kind::Shape, op, message));
            }
            *length = if *length == 1 { other } else { *length };
        }
    }
    Ok(out)
}

/// The least and the greatest number of a type of whole numbers, as far as indices reach.
fn integer_range(dtype: Dtype) -> (i64, i64) {
    let bits = 8 * dtype.size() as u32;
    if dtype.is_signed() {
        (i64::MIN >> (64 - bits), i64::MAX >> (64 - bits))
    } else {
        (0, i64::try_from(u64::MAX >> (64 - bits)).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_the_rust_types() {
        assert_eq!(integer_range(Dtype::Int8), (i8::MIN.into(), i8::MAX.into()));
        assert_eq!(integer_range(Dtype::Int64), (i64::MIN, i64::MAX));
        assert_eq!(integer_range(Dtype::Uint8), (0, 255));
        assert_eq!(integer_range(Dtype::Uint32), (0, u32::MAX.into()));
        assert_eq!(integer_range(Dtype::Uint64), (0, i64::MAX));
    }

    #[test]
    fn shapes_broadcast_from_their_ends() {
        let broadcast = |shapes: &[&[i32]]| broadcast_shape(shapes.iter().copied(), "op").ok();
        assert_eq!(broadcast(&[]), Some(vec![]));
        assert_eq!(broadcast(&[&[3], &[2, 1], &[]]), Some(vec![2, 3]));
        assert_eq!(broadcast(&[&[1], &[0]]), Some(vec![0]));
        assert_eq!(broadcast(&[&[2], &[3]]), None);
        assert_eq!(broadcast(&[&[0], &[3]]), None);
    }
}
