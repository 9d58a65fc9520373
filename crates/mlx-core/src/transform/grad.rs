//! Derivatives: gradients, and products with Jacobians from either side.

use std::cell::Cell;
use std::panic::Location;

use crate::ffi::closure::outcome;
use crate::ffi::{self, Closure, raw};
use crate::{Array, Dtype, Error, Kind, Result, Tree};

/// The gradient of `f` with respect to every array of its argument.
///
/// It is [`value_and_grad`] without the value.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::transform::grad;
///
/// let x = Array::from([1.0, 2.0]);
/// let loss = |w: &Array| -> Result<Array> { (&x * w)?.square()?.sum(..) };
/// let dw = grad(loss)(&Array::from([3.0, 4.0]))?;
/// assert_eq!(dw.to_vec::<f32>()?, [6.0, 32.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[track_caller]
pub fn grad<T: Tree, U: Tree>(f: impl Fn(&T) -> Result<U>) -> impl Fn(&T) -> Result<T> {
    let f = value_and_grad(f);
    move |x| f(x).map(|(_, gradient)| gradient)
}

/// The value of `f`, and the gradient of its first array with respect to every array of the argument.
///
/// The first array is a number of a real floating-point type; what else `f` returns is passed through.
/// Arrays of whole numbers and truth values have a gradient of zeros of their own type.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::transform::value_and_grad;
///
/// let f = value_and_grad(|(w, b): &(Array, Array)| (w * b)?.sum(..));
/// let (value, (dw, db)) = f(&(Array::from([1.0, 2.0]), Array::from(3.0)))?;
/// assert_eq!(value.item::<f32>()?, 9.0);
/// assert_eq!(dw.to_vec::<f32>()?, [3.0, 3.0]);
/// assert_eq!(db.item::<f32>()?, 3.0);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// # Errors
/// `f` failed, its first array is no real number, or the argument has no array to differentiate by. An error
/// that is not the closure's own points at the line that built the transform.
#[track_caller]
pub fn value_and_grad<T: Tree, U: Tree>(f: impl Fn(&T) -> Result<U>) -> impl Fn(&T) -> Result<(U, T)> {
    let at = Location::caller();
    move |x| {
        outcome(at, || {
            let argument = Argument::new(x, "grad")?;
            let kept = Cell::new(None);
            let body = Closure::new(|inputs| {
                let value = f(&argument.with(inputs)?)?;
                let leaves = first_is_a_number(&value).map_err(|error| error.placed(at))?;
                kept.set(Some(value));
                Ok(leaves)
            });
            let [values, gradients] = ffi::transform::value_and_grad(&body, &argument.variables())?;
            Ok((rebuilt(&kept, values)?, argument.derivatives(gradients)?))
        })
    }
}

/// The value of `f` at `primals`, and the product of `cotangents` with its Jacobian.
///
/// `cotangents` have the form and shapes of the value. Whole numbers and truth values in `primals` get zeros.
///
/// # Errors
/// `f` failed, or the cotangents do not fit its value.
#[track_caller]
pub fn vjp<T: Tree, U: Tree>(f: impl Fn(&T) -> Result<U>, primals: &T, cotangents: &U) -> Result<(U, T)> {
    let at = Location::caller();
    outcome(at, || {
        let argument = Argument::new(primals, "vjp")?;
        let kept = Cell::new(None);
        let body = Closure::new(|inputs| {
            let value = f(&argument.with(inputs)?)?;
            fit("vjp", &value, cotangents).map_err(|error| error.placed(at))?;
            let leaves = distinct(&value)?;
            kept.set(Some(value));
            Ok(leaves)
        });
        let cotangents = owned(cotangents);
        let [values, pulled] = ffi::transform::vjp(&body, &argument.variables(), &cotangents)?;
        Ok((rebuilt(&kept, values)?, argument.derivatives(pulled)?))
    })
}

/// The value of `f` at `primals`, and the product of its Jacobian with `tangents`.
///
/// `tangents` have the form and shapes of `primals`; those of whole numbers and truth values are not used.
///
/// # Errors
/// `f` failed, or the tangents do not fit the primals.
#[track_caller]
pub fn jvp<T: Tree, U: Tree>(f: impl Fn(&T) -> Result<U>, primals: &T, tangents: &T) -> Result<(U, U)> {
    outcome(Location::caller(), || {
        fit("jvp", primals, tangents)?;
        let argument = Argument::new(primals, "jvp")?;
        let kept = Cell::new(None);
        let body = Closure::new(|inputs| {
            let value = f(&argument.with(inputs)?)?;
            let leaves = owned(&value);
            kept.set(Some(value));
            Ok(leaves)
        });
        let tangents = argument.variables_of(tangents)?;
        let [values, pushed] = ffi::transform::jvp(&body, &argument.variables(), &tangents)?;
        let value = rebuilt(&kept, values)?;
        let tangents = value.with_leaves(pushed)?;
        Ok((value, tangents))
    })
}

/// An argument, some of whose arrays are variables: those of a type that has derivatives.
struct Argument<'a, T> {
    tree: &'a T,
}

impl<'a, T: Tree> Argument<'a, T> {
    fn new(tree: &'a T, op: &'static str) -> Result<Self> {
        let argument = Self { tree };
        if argument.variables().is_empty() {
            return Err(Error::new(
                Kind::Dtype,
                op,
                "the argument has no array of a floating-point type to differentiate by",
            ));
        }
        Ok(argument)
    }

    fn variables(&self) -> Vec<Array> {
        self.tree.leaves().into_iter().filter(|leaf| is_variable(leaf)).cloned().collect()
    }

    /// The arrays of `other` at the places of the variables, in their types.
    fn variables_of(&self, other: &T) -> Result<Vec<Array>> {
        let pairs = self.tree.leaves().into_iter().zip(other.leaves());
        pairs.filter(|(leaf, _)| is_variable(leaf)).map(|(leaf, other)| other.astype(leaf.dtype())).collect()
    }

    /// The argument with other variables.
    fn with(&self, variables: Vec<Array>) -> Result<T> {
        let mut variables = variables.into_iter();
        self.tree.tree_map(|_, leaf| {
            let variable = if is_variable(leaf) { variables.next() } else { None };
            Ok(variable.unwrap_or_else(|| leaf.clone()))
        })
    }

    /// The derivatives by the variables, with zeros for the rest.
    fn derivatives(&self, derivatives: Vec<Array>) -> Result<T> {
        let mut derivatives = derivatives.into_iter().peekable();
        self.tree.tree_map(|_, leaf| match derivatives.next_if(|_| is_variable(leaf)) {
            Some(derivative) if derivative.shape() == leaf.shape() => Ok(derivative),
            Some(wrong) => {
                let message = format!("MLX gave {wrong:?} as the derivative by {leaf:?}");
                Err(Error::new(Kind::Mlx, "grad", message))
            }
            None => raw::zeros_like(leaf),
        })
    }
}

fn is_variable(leaf: &Array) -> bool {
    leaf.dtype().is_float() || leaf.dtype() == Dtype::Complex64
}

/// The arrays of a tree.
pub(super) fn owned<T: Tree>(tree: &T) -> Vec<Array> {
    tree.leaves().into_iter().cloned().collect()
}

/// A node of the graph for each array, even if two are one or MLX would leave it out of the count.
fn distinct<T: Tree>(tree: &T) -> Result<Vec<Array>> {
    tree.leaves().into_iter().map(raw::copy).collect()
}

/// The value that a closure left in `kept`, with the arrays that the transform made of its own.
pub(super) fn rebuilt<U: Tree>(kept: &Cell<Option<U>>, leaves: Vec<Array>) -> Result<U> {
    formed(kept.take().as_ref(), leaves)
}

/// The value of the form of `value`, which is `None` only if the function was not called.
pub(super) fn formed<U: Tree>(value: Option<&U>, leaves: Vec<Array>) -> Result<U> {
    match value {
        Some(value) => value.with_leaves(leaves),
        None => Err(Error::new(Kind::Mlx, "transform", "MLX did not call the function")),
    }
}

/// The arrays of a value whose first can be differentiated.
fn first_is_a_number<U: Tree>(value: &U) -> Result<Vec<Array>> {
    let leaves = owned(value);
    let found = leaves.first().map(|first| (first.dtype(), first.ndim()));
    match found {
        Some((dtype, 0)) if dtype.is_float() => Ok(leaves),
        Some((dtype, 0)) => {
            Err(Error::new(Kind::Dtype, "grad", format!("the value to differentiate is {dtype}, not real")))
        }
        _ => {
            let shape = leaves.first().map(Array::shape);
            let message = match shape {
                Some(shape) => {
                    format!("the value to differentiate has shape {shape:?}, not one number: sum it")
                }
                None => "the function returns no array to differentiate".to_owned(),
            };
            Err(Error::new(Kind::Shape, "grad", message))
        }
    }
}

/// Refuses `others` that do not have the form and shapes of `tree`.
pub(super) fn fit<T: Tree>(op: &'static str, tree: &T, others: &T) -> Result<()> {
    if !tree.same_form(others) {
        let message = "what is to be multiplied has another form than the tree that it belongs to";
        return Err(Error::new(Kind::Shape, op, message));
    }
    for ((path, leaf), other) in tree.named_leaves().into_iter().zip(others.leaves()) {
        if leaf.shape() != other.shape() {
            let message = format!("{:?} at `{path}` does not fit shape {:?}", other.shape(), leaf.shape());
            return Err(Error::new(Kind::Shape, op, message));
        }
    }
    Ok(())
}
