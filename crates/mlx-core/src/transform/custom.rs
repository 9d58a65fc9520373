//! Functions with rules of their own, and such that are computed again.

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;

use super::grad::{formed, jvp, owned, vjp};
use super::tree::skeleton;
use super::vmap::{BatchAxes, batch, vmap};
use crate::ffi::closure::outcome;
use crate::ffi::rule::Rules;
use crate::ffi::{self, Closure, raw};
use crate::{Array, Dtype, Error, Kind, Result, Tree};

type Function<T, U> = dyn Fn(&T) -> Result<U>;
type Pull<T, U> = dyn Fn(&T, &U, &U) -> Result<T>;
type Push<T, U> = dyn Fn(&T, &T) -> Result<U>;
type Batch<T, U> = dyn Fn(&T, &[Option<i32>]) -> Result<(U, BatchAxes)>;

/// A function with rules of its own for transforms; see [`custom_function`].
pub struct CustomFunction<T, U> {
    f: Rc<Function<T, U>>,
    pull: Option<Rc<Pull<T, U>>>,
    push: Option<Rc<Push<T, U>>>,
    batch: Option<Rc<Batch<T, U>>>,
}

/// A function whose rules for transforms can be replaced. Those that are not follow from `f`.
///
/// Derivatives reach `f` through its argument only, so an array that a transform around it traces must be a part
/// of the argument: to capture one is an error.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::transform::{custom_function, grad};
///
/// // Rounds, but passes the gradient on as if it had not.
/// let round = custom_function(|x: &Array| x.round(0)).vjp(|_x, cotangent, _y| Ok(cotangent.clone()));
/// let dx = grad(|x: &Array| (round.call(x)? * 3.0)?.sum(..))(&Array::from([0.4, 0.6]))?;
/// assert_eq!(dx.to_vec::<f32>()?, [3.0, 3.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
pub fn custom_function<T: Tree + 'static, U: Tree + 'static>(
    f: impl Fn(&T) -> Result<U> + 'static,
) -> CustomFunction<T, U> {
    CustomFunction { f: Rc::new(f), pull: None, push: None, batch: None }
}

/// A function whose inner values are not kept for its gradient, but computed again: less memory for more time.
///
/// Its gradient reaches what is in the argument; to capture an array that is being differentiated is an error.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::transform::{checkpoint, grad};
///
/// let layer = checkpoint(|(x, w): &(Array, Array)| x.matmul(w)?.tanh());
/// let x = Array::from([[0.0, 0.0]]);
/// let w = Array::from([[1.0], [2.0]]);
/// let dx = grad(|x: &Array| layer(&(x.clone(), w.clone()))?.sum(..))(&x)?;
/// assert_eq!(dx.to_vec::<f32>()?, [1.0, 2.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
#[track_caller]
pub fn checkpoint<T: Tree + 'static, U: Tree + 'static>(
    f: impl Fn(&T) -> Result<U> + 'static,
) -> impl Fn(&T) -> Result<U> {
    let at = Location::caller();
    let f = Rc::new(f);
    let again = Rc::clone(&f);
    // The values again, but only after the outputs; MLX has no rule for the tangents of that.
    let after = custom_function(|(primals, outputs): &(Vec<Array>, Vec<Array>)| {
        ffi::transform::depends(primals, outputs)
    })
    .jvp(|_, (tangents, _)| Ok(tangents.clone()));
    let custom = custom_function(move |x: &T| f(x)).vjp(move |primals, cotangents, outputs| {
        let primals = primals.with_leaves(after.call(&(owned(primals), owned(outputs)))?)?;
        Ok(vjp(&*again, &primals, cotangents)?.1)
    });
    move |x| custom.call_at(x, at)
}

impl<T: Tree + 'static, U: Tree + 'static> CustomFunction<T, U> {
    /// Gives cotangents of the argument from the argument, cotangents of the value, and the value.
    pub fn vjp(mut self, rule: impl Fn(&T, &U, &U) -> Result<T> + 'static) -> Self {
        self.pull = Some(Rc::new(rule));
        self
    }

    /// Gives tangents of the value from the argument and its tangents.
    pub fn jvp(mut self, rule: impl Fn(&T, &T) -> Result<U> + 'static) -> Self {
        self.push = Some(Rc::new(rule));
        self
    }

    /// Gives a batch of values, and the axes of the batch in its arrays, from an argument some of whose arrays
    /// are batches: those with an axis in the list, which is in the order of the leaves.
    pub fn vmap<A: Into<BatchAxes>>(
        mut self,
        rule: impl Fn(&T, &[Option<i32>]) -> Result<(U, A)> + 'static,
    ) -> Self {
        self.batch = Some(Rc::new(move |x, axes| rule(x, axes).map(|(value, axes)| (value, axes.into()))));
        self
    }

    /// Calls the function.
    ///
    /// # Errors
    /// It failed, returned no array, or captures an array that a transform around it traces. A rule that gives
    /// something of another form or shape than it should is an error of that transform.
    #[track_caller]
    pub fn call(&self, x: &T) -> Result<U> {
        self.call_at(x, Location::caller())
    }

    /// The function of batches along `axes`, whose rules are those of this one for each row.
    fn batched(&self, axes: &[Option<i32>]) -> Self {
        let (f, at) = (Rc::clone(&self.f), axes.to_vec());
        let mut batched = custom_function(move |x: &T| vmap(&*f, at.clone(), 0)(x));
        if let (Some(rule), axes) = (self.pull.clone(), axes.to_vec()) {
            batched =
                batched.vjp(move |x, cotangents, value| pull_rows(&*rule, &axes, x, (cotangents, value)));
        }
        if let (Some(rule), axes) = (self.push.clone(), axes.to_vec()) {
            let both = [&axes[..], &axes[..]].concat();
            batched = batched.jvp(move |x, tangents| {
                vmap(|(x, tangents): &(T, T)| rule(x, tangents), both.clone(), 0)(&(
                    copy(x)?,
                    copy(tangents)?,
                ))
            });
        }
        batched
    }

    fn call_at(&self, x: &T, at: &'static Location<'static>) -> Result<U> {
        outcome(at, || {
            let call =
                Rc::new(Call { function: self.clone(), argument: skeleton(x)?, value: RefCell::new(None) });
            let run = Rc::clone(&call);
            let body = Closure::unwalked(move |inputs| run.run(inputs));
            let custom = ffi::transform::custom_function(&body, &rules(&call))?;
            let outputs = custom.apply("custom_function", x.leaves())?;
            call.value(outputs)
        })
    }
}

impl<T, U> Clone for CustomFunction<T, U> {
    fn clone(&self) -> Self {
        Self {
            f: Rc::clone(&self.f),
            pull: self.pull.clone(),
            push: self.push.clone(),
            batch: self.batch.clone(),
        }
    }
}

/// What `rule` gives for each row, back along the axes of the argument; an array that is the same in all rows has
/// the sum of theirs.
fn pull_rows<T: Tree, U: Tree>(
    rule: &Pull<T, U>,
    axes: &[Option<i32>],
    x: &T,
    (cotangents, value): (&U, &U),
) -> Result<T> {
    let values = 2 * value.leaves().len();
    let all: Vec<_> = axes.iter().copied().chain(std::iter::repeat_n(Some(0), values)).collect();
    let rows = vmap(|(x, cotangents, value): &(T, U, U)| rule(x, cotangents, value), all, 0);
    let mut axes = axes.iter();
    rows(&(copy(x)?, copy(cotangents)?, copy(value)?))?.tree_map(|_, rows| match axes.next() {
        Some(&Some(axis)) => raw::moveaxis(rows, 0, axis),
        _ => rows.sum(0),
    })
}

/// The same tree; a tree need not be `Clone`.
fn copy<T: Tree>(tree: &T) -> Result<T> {
    tree.tree_map(|_, leaf| Ok(leaf.clone()))
}

/// One call of a function. MLX keeps it with the arrays of its value, so it has none of them itself.
struct Call<T, U> {
    function: CustomFunction<T, U>,
    argument: T,
    value: RefCell<Option<Value<U>>>,
}

/// What a function returned, without its arrays.
struct Value<U> {
    form: U,
    arrays: Vec<(Vec<i32>, Dtype)>,
}

fn rules<T: Tree + 'static, U: Tree + 'static>(call: &Rc<Call<T, U>>) -> Rules {
    let (pull, push, batch) = (Rc::clone(call), Rc::clone(call), Rc::clone(call));
    Rules::new(
        Box::new(move |primals, cotangents, outputs| pull.pull(primals, cotangents, outputs)),
        Box::new(move |primals, tangents, numbers| push.push(primals, tangents, numbers)),
        Box::new(move |inputs, axes| batch.batch(inputs, axes)),
    )
}

impl<T: Tree + 'static, U: Tree + 'static> Call<T, U> {
    fn run(&self, inputs: Vec<Array>) -> Result<Vec<Array>> {
        // MLX would push tangents through the function too, even if it has a rule of its own.
        let stopped = inputs.iter().map(raw::stop_gradient).collect::<Result<Vec<_>>>()?;
        let value = (self.function.f)(&self.argument.with_leaves(stopped)?)?;
        let outputs = owned(&value);
        if outputs.is_empty() {
            return Err(refused("the function returns no array".to_owned()));
        }
        if ffi::transform::captures_tracer(&outputs, &inputs)? {
            let message = "the function captures an array that a transform around it traces: make it a part of \
                           the argument";
            return Err(refused(message.to_owned()));
        }
        let arrays = outputs.iter().map(|output| (output.shape().to_vec(), output.dtype())).collect();
        self.value.replace(Some(Value { form: skeleton(&value)?, arrays }));
        Ok(outputs)
    }

    fn value(&self, outputs: Vec<Array>) -> Result<U> {
        formed(self.value.borrow().as_ref().map(|value| &value.form), outputs)
    }

    /// The shapes and types of the value's arrays.
    fn arrays(&self) -> Vec<(Vec<i32>, Dtype)> {
        self.value.borrow().as_ref().map(|value| value.arrays.clone()).unwrap_or_default()
    }

    fn pull(&self, primals: Vec<Array>, cotangents: Vec<Array>, outputs: Vec<Array>) -> Result<Vec<Array>> {
        let expected = shapes_of(&primals);
        let primals = self.argument.with_leaves(primals)?;
        let (cotangents, outputs) = (self.value(cotangents)?, self.value(outputs)?);
        let pulled = match &self.function.pull {
            Some(rule) => rule(&primals, &cotangents, &outputs)?,
            None => vjp(&*self.function.f, &primals, &cotangents)?.1,
        };
        conform("vjp", owned(&pulled), &expected)
    }

    fn push(&self, primals: Vec<Array>, tangents: Vec<Array>, numbers: &[i32]) -> Result<Vec<Array>> {
        let mut all = primals.iter().map(raw::zeros_like).collect::<Result<Vec<_>>>()?;
        for (&number, tangent) in numbers.iter().zip(tangents) {
            if let Some(slot) = all.get_mut(number as usize) {
                *slot = tangent;
            }
        }
        let (primals, tangents) = (self.argument.with_leaves(primals)?, self.argument.with_leaves(all)?);
        let pushed = match &self.function.push {
            Some(rule) => rule(&primals, &tangents)?,
            None => jvp(&*self.function.f, &primals, &tangents)?.1,
        };
        conform("jvp", owned(&pushed), &self.arrays())
    }

    fn batch(&self, inputs: Vec<Array>, axes: &[i32]) -> Result<(Vec<Array>, Vec<i32>)> {
        let length = batch(&inputs, axes)?;
        let axes: Vec<_> = axes.iter().map(|&axis| (axis >= 0).then_some(axis)).collect();
        let rows = self.arrays();
        let inputs = self.argument.with_leaves(inputs)?;
        let (values, out) = match &self.function.batch {
            Some(rule) => rule(&inputs, &axes)?,
            None => (self.function.batched(&axes).call(&inputs)?, BatchAxes::from(0)),
        };
        let values = owned(&values);
        let out = out.resolve("arrays of the value", &values, 0)?;
        let expected = rows.into_iter().zip(&out).map(|((mut shape, dtype), &axis)| {
            shape.insert((axis.max(0) as usize).min(shape.len()), length);
            (shape, dtype)
        });
        let expected: Vec<_> = expected.collect();
        if out.contains(&-1) || expected.len() != self.arrays().len() {
            return Err(refused("the rule for vmap needs an axis for each array of the value".to_owned()));
        }
        Ok((conform("vmap", values, &expected)?, out))
    }
}

fn shapes_of(arrays: &[Array]) -> Vec<(Vec<i32>, Dtype)> {
    arrays.iter().map(|array| (array.shape().to_vec(), array.dtype())).collect()
}

/// What a rule gave, in the types that MLX expects, if it has the shapes too: MLX does not check them.
fn conform(rule: &str, given: Vec<Array>, expected: &[(Vec<i32>, Dtype)]) -> Result<Vec<Array>> {
    let shapes = |arrays: &mut dyn Iterator<Item = &[i32]>| format!("{:?}", arrays.collect::<Vec<_>>());
    let fits = given.len() == expected.len()
        && given.iter().zip(expected).all(|(given, (shape, _))| given.shape() == shape);
    if !fits {
        let given = shapes(&mut given.iter().map(Array::shape));
        let expected = shapes(&mut expected.iter().map(|(shape, _)| shape.as_slice()));
        return Err(refused(format!("the rule for {rule} gave arrays of shapes {given}, not {expected}")));
    }
    given.iter().zip(expected).map(|(given, (_, dtype))| given.astype(*dtype)).collect()
}

fn refused(message: String) -> Error {
    Error::new(Kind::Shape, "custom_function", message)
}
