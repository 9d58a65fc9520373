//! Functions of one row, run on whole batches.

use std::cell::Cell;
use std::panic::Location;

use super::grad::{owned, rebuilt};
use crate::ffi::Closure;
use crate::ffi::closure::outcome;
use crate::ffi::transform::Trace;
use crate::{Array, Error, Kind, Result, Tree};

/// Which axis of each array is that of the batch: `0` of all, `[0, 1]` one by one in the order of the leaves, and
/// `None` for an array that is the same in all rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchAxes(Choice);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Choice {
    All(i32),
    Each(Vec<Option<i32>>),
}

impl From<i32> for BatchAxes {
    fn from(axis: i32) -> Self {
        Self(Choice::All(axis))
    }
}

impl<const N: usize> From<[i32; N]> for BatchAxes {
    fn from(axes: [i32; N]) -> Self {
        Self(Choice::Each(axes.map(Some).to_vec()))
    }
}

impl<const N: usize> From<[Option<i32>; N]> for BatchAxes {
    fn from(axes: [Option<i32>; N]) -> Self {
        Self(Choice::Each(axes.to_vec()))
    }
}

impl From<Vec<Option<i32>>> for BatchAxes {
    fn from(axes: Vec<Option<i32>>) -> Self {
        Self(Choice::Each(axes))
    }
}

impl BatchAxes {
    /// The axis of each array, counted from the front, or -1 for none. `extra` axes are to be added.
    pub(super) fn resolve(&self, what: &str, arrays: &[Array], extra: usize) -> Result<Vec<i32>> {
        let axes = match &self.0 {
            Choice::All(axis) => vec![Some(*axis); arrays.len()],
            Choice::Each(axes) => axes.clone(),
        };
        if axes.len() != arrays.len() {
            let message = format!("{} axes are given for {} {what}", axes.len(), arrays.len());
            return Err(Error::new(Kind::Shape, "vmap", message));
        }
        let axes = axes.into_iter().zip(arrays);
        axes.map(|(axis, array)| axis.map_or(Ok(-1), |axis| counted(axis, array, extra))).collect()
    }
}

/// `axis` from the front of an array with `extra` more axes.
fn counted(axis: i32, array: &Array, extra: usize) -> Result<i32> {
    let rank = (array.ndim() + extra) as i32;
    let at = if axis < 0 { axis.saturating_add(rank) } else { axis };
    if (0..rank).contains(&at) {
        return Ok(at);
    }
    let rows = if extra > 0 { "a batch of arrays" } else { "an array" };
    let message = format!("axis {axis} is outside {rows} of shape {:?}", array.shape());
    Err(Error::new(Kind::Shape, "vmap", message))
}

/// Runs `f`, a function of one row, on all rows of a batch at once.
///
/// `inputs` says which axis of each array of the argument is that of the batch, `outputs` where it goes in each
/// array of the value. What does not depend on the batch is repeated.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::transform::vmap;
///
/// let dot = |(x, y): &(Array, Array)| (x * y)?.sum(..);
/// let (rows, one) = (Array::from([[1.0, 2.0], [3.0, 4.0]]), Array::from([10.0, 1.0]));
/// let dots = vmap(dot, [Some(0), None], 0)(&(rows, one))?;
/// assert_eq!(dots.to_vec::<f32>()?, [12.0, 34.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// # Errors
/// `f` failed, no array has a batch, their lengths differ, an axis is not there, or an op has no rule for
/// batches.
#[track_caller]
pub fn vmap<T: Tree, U: Tree>(
    f: impl Fn(&T) -> Result<U>,
    inputs: impl Into<BatchAxes>,
    outputs: impl Into<BatchAxes>,
) -> impl Fn(&T) -> Result<U> {
    let at = Location::caller();
    let (input_axes, output_axes) = (inputs.into(), outputs.into());
    move |x| {
        outcome(at, || {
            let inputs = owned(x);
            let axes = input_axes.resolve("arrays of the argument", &inputs, 0)?;
            batch(&inputs, &axes)?;
            let kept = Cell::new(None);
            let body = Closure::new(|row| {
                let value = f(&x.with_leaves(row)?)?;
                let leaves = owned(&value);
                kept.set(Some(value));
                Ok(leaves)
            });
            let trace = Trace::new(&body, &inputs, &axes)?;
            let out = output_axes.resolve("arrays of the value", trace.values(), 1)?;
            if out.contains(&-1) {
                return Err(Error::new(
                    Kind::Shape,
                    "vmap",
                    "an array of the value needs an axis for the batch",
                ));
            }
            rebuilt(&kept, trace.replace(&inputs, &axes, &out)?)
        })
    }
}

/// The length of the batch, which must be one for all inputs that have an axis.
pub(super) fn batch(inputs: &[Array], axes: &[i32]) -> Result<i32> {
    let lengths = inputs.iter().zip(axes).filter(|&(_, &axis)| axis >= 0);
    let mut lengths = lengths.map(|(input, &axis)| input.dim(axis));
    let Some(first) = lengths.next().transpose()? else {
        return Err(Error::new(Kind::Shape, "vmap", "no array of the argument has an axis of the batch"));
    };
    for length in lengths {
        let length = length?;
        if length != first {
            let message = format!("one batch is {first} long and another {length}");
            return Err(Error::new(Kind::Shape, "vmap", message));
        }
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dtype;
    use crate::ffi::raw;
    use crate::transform::grad;

    /// Numbers without a pattern.
    fn numbers(shape: &[i32]) -> Array {
        let n = shape.iter().product();
        let x = Array::arange(0..n).and_then(|x| x.astype(Dtype::Float32)?.sin());
        x.and_then(|x| x.reshape(shape)).unwrap()
    }

    #[test]
    fn gradients_of_wide_padding_are_those_of_each_row() {
        let (xs, ws) = (numbers(&[3, 1, 5, 5, 2]), numbers(&[3, 3, 1, 2, 2]));
        let loss = |x: &Array, w: &Array| raw::conv2d(x, w, 1, 1, 3, 3, 2, 2, 1)?.square()?.sum(..);
        let by_kernel = |(x, w): &(Array, Array)| grad(|w: &Array| loss(x, w))(w);
        for _ in 0..20 {
            let found = vmap(by_kernel, 0, 0)(&(xs.clone(), ws.clone())).unwrap();
            for row in 0..3 {
                let expected = by_kernel(&(xs.index(row).unwrap(), ws.index(row).unwrap())).unwrap();
                assert!(
                    found
                        .index(row)
                        .unwrap()
                        .allclose(&expected, crate::Closeness { rtol: 1e-4, atol: 1e-4, equal_nan: false })
                        .unwrap()
                );
            }
        }
        let none = (numbers(&[0, 1, 5, 5, 2]), numbers(&[0, 3, 1, 2, 2]));
        assert_eq!(vmap(by_kernel, 0, 0)(&none).unwrap().shape(), [0, 3, 1, 2, 2]);
        // The gradient by the image has another shape than the image, and is refused.
        assert!(grad(|x: &Array| loss(x, &ws.index(0)?))(&xs.index(0).unwrap()).is_err());
    }
}
