//! Functions that are traced once and then run without their Rust code.

use std::cell::{Cell, RefCell};
use std::panic::Location;
use std::rc::Rc;

use super::grad::owned;
use super::tree::skeleton;
use crate::ffi::Closure;
use crate::ffi::closure::outcome;
use crate::ffi::compile::{self, Compiled, RawMode};
use crate::{Array, Dtype, Result, Stream, Tree, cpu};

/// Which arguments share one trace of a compiled function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shapes {
    /// Those with the same shapes.
    #[default]
    Exact,
    /// Those with the same numbers of axes. Lengths that the function reads or computes with are those of the
    /// first argument; ops that would depend on them are refused.
    Any,
}

/// Runs `f` faster: it is called once to trace its graph, which MLX simplifies and fuses, and again only when a
/// shape, a type, a value that is no array, or the stream is new.
/// `f` is pure: all that it changes, random keys included, is in its argument and value. What it captures is a
/// constant, and cannot be an argument too. Inside another transform `f` is called as it is.
///
/// ```
/// use mlx_core::prelude::*;
/// use mlx_core::transform::{Shapes, compile};
///
/// let gelu = compile(|x: &Array| (x * ((x / 2.0_f32.sqrt())?.erf()? + 1.0)?)? * 0.5, Shapes::Exact);
/// let y = gelu(&Array::from([0.0, 100.0]))?;
/// assert_eq!(y.to_vec::<f32>()?, [0.0, 100.0]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
///
/// The function owns what it captures, and stays on its thread:
///
/// ```compile_fail,E0373
/// use mlx_core::{Array, Result};
/// use mlx_core::transform::{Shapes, compile};
///
/// fn scaled(scale: Array) -> impl Fn(&Array) -> Result<Array> {
///     compile(|x: &Array| x * &scale, Shapes::Exact) // `move` is missing
/// }
/// ```
///
/// ```compile_fail,E0277
/// use mlx_core::Array;
/// use mlx_core::transform::{Shapes, compile};
///
/// let double = compile(|x: &Array| x * 2.0, Shapes::Exact);
/// std::thread::spawn(move || double(&Array::from(1.0)).is_ok());
/// ```
///
/// # Errors
/// `f` failed, read a value, or captures an array that it is given too.
#[track_caller]
pub fn compile<T: Tree + 'static, U: Tree + 'static>(
    f: impl Fn(&T) -> Result<U> + 'static,
    shapes: Shapes,
) -> impl Fn(&T) -> Result<U> {
    let function = Function { f: Rc::new(f), shapes, traces: RefCell::default() };
    let at = Location::caller();
    move |x| outcome(at, || function.call(x))
}

type Pure<T, U> = dyn Fn(&T) -> Result<U>;

/// A function and its traces, one for each kind of argument.
struct Function<T, U> {
    f: Rc<Pure<T, U>>,
    shapes: Shapes,
    traces: RefCell<Vec<Rc<Trace<T, U>>>>,
}

struct Trace<T, U> {
    signature: Signature,
    form: Rc<Form<T, U>>,
    compiled: Compiled,
}

/// Argument and value without their arrays.
struct Form<T, U> {
    argument: T,
    value: RefCell<Option<U>>,
    /// Whether MLX may be changing the trace.
    busy: Cell<bool>,
}

/// What of the arrays of an argument makes a trace its own.
struct Signature {
    arrays: Vec<(Vec<i32>, Dtype)>,
    stream: Stream,
}

impl<T: Tree + 'static, U: Tree + 'static> Function<T, U> {
    fn call(&self, x: &T) -> Result<U> {
        let inputs = x.leaves();
        let trace = self.trace(x, &inputs)?;
        if trace.form.busy.replace(true) {
            return (self.f)(x);
        }
        let outputs = trace.compiled.apply(&inputs);
        trace.form.busy.set(false);
        let outputs = outputs?;
        if self.shapes == Shapes::Any && !is_traced(&inputs)? {
            compile::check_shapes(&outputs, inputs)?;
        }
        trace.form.value(outputs)
    }

    /// The trace for arguments like `x`.
    fn trace(&self, x: &T, inputs: &[&Array]) -> Result<Rc<Trace<T, U>>> {
        let stream = Stream::current()?;
        let known = self.traces.borrow();
        let found = known.iter().find(|trace| {
            trace.signature.fits(inputs, &stream, self.shapes) && trace.form.argument.same_form(x)
        });
        if let Some(trace) = found {
            return Ok(Rc::clone(trace));
        }
        drop(known);
        let form =
            Rc::new(Form { argument: skeleton(x)?, value: RefCell::new(None), busy: Cell::new(false) });
        // The address is nobody else's while the form lives, which is longer than the entry in the cache.
        let id = Rc::as_ptr(&form).cast::<()>() as usize;
        let body = Closure::new({
            let (f, form) = (Rc::clone(&self.f), Rc::clone(&form));
            let any = self.shapes == Shapes::Any;
            move |inputs| if any { cpu::plainly(|| form.run(&*f, inputs)) } else { form.run(&*f, inputs) }
        });
        let compiled = Compiled::new(&body, id, self.shapes == Shapes::Any)?;
        let trace = Rc::new(Trace { signature: Signature::new(inputs, stream), form, compiled });
        self.traces.borrow_mut().push(Rc::clone(&trace));
        Ok(trace)
    }
}

impl<T: Tree, U: Tree> Form<T, U> {
    /// Calls the function for MLX, which wants the arrays only.
    fn run(&self, f: &Pure<T, U>, inputs: Vec<Array>) -> Result<Vec<Array>> {
        let value = f(&self.argument.with_leaves(inputs)?)?;
        self.value.replace(Some(skeleton(&value)?));
        Ok(owned(&value))
    }

    /// The value that has these arrays.
    fn value(&self, outputs: Vec<Array>) -> Result<U> {
        super::grad::formed(self.value.borrow().as_ref(), outputs)
    }
}

impl Signature {
    fn new(inputs: &[&Array], stream: Stream) -> Self {
        let arrays = inputs.iter().map(|input| (input.shape().to_vec(), input.dtype()));
        Self { arrays: arrays.collect(), stream }
    }

    fn fits(&self, inputs: &[&Array], stream: &Stream, shapes: Shapes) -> bool {
        let same = |(shape, dtype): &(Vec<i32>, Dtype), input: &Array| {
            *dtype == input.dtype()
                && match shapes {
                    Shapes::Exact => shape == input.shape(),
                    Shapes::Any => shape.len() == input.ndim(),
                }
        };
        self.stream == *stream
            && self.arrays.len() == inputs.len()
            && self.arrays.iter().zip(inputs).all(|(array, input)| same(array, input))
    }
}

fn is_traced(inputs: &[&Array]) -> Result<bool> {
    for input in inputs {
        if compile::is_tracer(input)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How much of compiling is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CompileMode {
    /// Nothing: functions are called as they are.
    Disabled,
    /// Ops are fused, but not simplified.
    NoSimplify,
    /// The graph is simplified, but ops are not fused.
    NoFuse,
    /// Both.
    #[default]
    Enabled,
}

/// Sets how much of compiling is done, in all threads of the process. It is for programs and for finding faults;
/// what a compiled function has traced already stays.
#[track_caller]
pub fn set_compile_mode(mode: CompileMode) -> Result<()> {
    compile::set_mode(match mode {
        CompileMode::Disabled => RawMode::MLX_COMPILE_MODE_DISABLED,
        CompileMode::NoSimplify => RawMode::MLX_COMPILE_MODE_NO_SIMPLIFY,
        CompileMode::NoFuse => RawMode::MLX_COMPILE_MODE_NO_FUSE,
        CompileMode::Enabled => RawMode::MLX_COMPILE_MODE_ENABLED,
    })
}

/// Forgets all traces of this thread. Compiled functions trace again when they are next called.
#[track_caller]
pub fn clear_compile_cache() -> Result<()> {
    compile::clear_cache()
}
