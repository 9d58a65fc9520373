//! Ops of the caller's own in transforms, and what careless ones may not do there.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlx_core::kernel::{self, Failure, Input, Output, Primitive, Spec};
use mlx_core::transform::{
    CompileMode, Keywords, Shapes, checkpoint, compile, describe, export_function, grad, jvp,
    set_compile_mode, vjp, vmap,
};
use mlx_core::{Array, Device, Dtype, Freeze, Result, Stream, Thaw, concatenate};

use crate::values::{floats, on_cpu};

type Fallback = dyn Fn(&[Array]) -> Result<Vec<Array>> + Send + Sync;

/// An op whose kernel fills the results with ones and whose fallback is anything.
struct Op {
    specs: Vec<Spec>,
    fallback: Box<Fallback>,
    runs: AtomicUsize,
}

impl Op {
    fn new(
        specs: impl Into<Vec<Spec>>,
        fallback: impl Fn(&[Array]) -> Result<Vec<Array>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { specs: specs.into(), fallback: Box::new(fallback), runs: AtomicUsize::new(0) })
    }

    /// An op of one result like `shape` in `float32`.
    fn of(
        shape: &[i32],
        fallback: impl Fn(&[Array]) -> Result<Vec<Array>> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Self::new([Spec::new(shape, Dtype::Float32)], fallback)
    }
}

impl Primitive for Op {
    const NAME: &'static str = "Op";

    fn outputs(&self, _: &[&Array]) -> Result<Vec<Spec>> {
        Ok(self.specs.clone())
    }

    fn run(&self, _: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        outputs.iter_mut().try_for_each(|y| y.values::<f32>().map(|y| y.fill(1.0)))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        (self.fallback)(inputs)
    }

    fn is_same(&self, _: &Self) -> bool {
        true
    }
}

fn one(op: &Arc<Op>, x: &Array) -> Result<Array> {
    kernel::apply(op, [x]).map(|mut y| y.remove(0))
}

/// `3 x`, whose kernel says 1.
fn triple(shape: &[i32]) -> Arc<Op> {
    Op::of(shape, |x| Ok(vec![(&x[0] * 3.0)?]))
}

fn numbers(shape: &[i32]) -> Array {
    let size = shape.iter().product::<i32>();
    Array::arange(0..size).unwrap().astype(Dtype::Float32).unwrap().reshape(shape).unwrap()
}

#[test]
fn a_batch_goes_through_the_fallback_along_any_axis() {
    on_cpu(|| {
        let x = numbers(&[2, 3]);
        for axis in [0, 1] {
            let shape = [if axis == 0 { 3 } else { 2 }];
            let op = triple(&shape);
            let y = vmap(|x: &Array| one(&op, x), axis, axis)(&x).unwrap();
            assert_eq!(floats(&y), floats(&(&x * 3.0).unwrap()));
            assert_eq!(op.runs.load(Ordering::SeqCst), 0);
        }
        let op = Op::of(&[3], |x| Ok(vec![(&x[0] + &x[1])?]));
        let add = |(x, y): &(Array, Array)| Ok(kernel::apply(&op, [x, y])?.remove(0));
        let y = vmap(add, [Some(0), None], 0)(&(x, Array::from([10.0, 20.0, 30.0]))).unwrap();
        assert_eq!(floats(&y), [10.0, 21.0, 32.0, 13.0, 24.0, 35.0]);
    });
}

#[test]
fn a_fallback_in_a_batch_goes_by_the_rules_that_are_mended() {
    on_cpu(|| {
        let mask = Array::from([1, 2, 4]).freeze().unwrap();
        let op = Op::new([Spec::new([3], Dtype::Int32)], move |x| Ok(vec![x[0].bitwise_and(&mask.thaw()?)?]));
        let x = Array::full([200, 3], 7, Dtype::Int32).unwrap();
        let y = vmap(|x: &Array| one(&op, x), 0, 0)(&x).unwrap();
        assert_eq!(y.to_vec::<i32>().unwrap(), [1, 2, 4].repeat(200));
    });
}

#[test]
fn a_batch_without_rows_and_batches_of_batches_go_through() {
    on_cpu(|| {
        let op = triple(&[2]);
        let each = vmap(|x: &Array| one(&op, x), 0, 0);
        assert_eq!(each(&Array::zeros([0, 2], Dtype::Float32).unwrap()).unwrap().shape(), [0, 2]);
        let x = numbers(&[3, 4, 2]);
        assert_eq!(floats(&vmap(each, 0, 0)(&x).unwrap()), floats(&(&x * 3.0).unwrap()));
    });
}

#[test]
fn tangents_and_gradients_come_from_the_fallback() {
    on_cpu(|| {
        let op = triple(&[2]);
        let x = Array::from([1.0, 2.0]);
        let (y, dy) = jvp(|x: &Array| one(&op, x), &x, &Array::from([1.0, -1.0])).unwrap();
        assert_eq!((floats(&y), floats(&dy)), (vec![1.0, 1.0], vec![3.0, -3.0]));
        let op = triple(&[2]);
        let kept = checkpoint(move |x: &Array| one(&op, x)?.square()?.sum(..));
        assert_eq!(floats(&grad(kept)(&x).unwrap()), [6.0, 6.0]);
    });
}

#[test]
fn a_fallback_may_return_one_value_twice_or_cut_a_gradient() {
    on_cpu(|| {
        let spec = || Spec::new([2], Dtype::Float32);
        let twice = Op::new([spec(), spec()], |x| Ok(vec![x[0].clone(), x[0].clone()]));
        let x = Array::from([1.0, 2.0]);
        let f = |x: &Array| kernel::apply(&twice, [x]).map(|mut y| (y.remove(0), y.remove(0)));
        let (_, dx) = vjp(f, &x, &(Array::from([1.0, 2.0]), Array::from([10.0, 20.0]))).unwrap();
        assert_eq!(floats(&dx), [11.0, 22.0]);
        let cut = Op::new([spec(), spec()], |x| Ok(vec![x[0].stop_gradient()?, (&x[0] * 2.0)?]));
        let f = |x: &Array| kernel::apply(&cut, [x]).map(|mut y| (y.remove(0), y.remove(0)));
        let (_, dx) = vjp(f, &x, &(Array::from([1.0, 2.0]), Array::from([10.0, 20.0]))).unwrap();
        assert_eq!(floats(&dx), [20.0, 40.0]);
    });
}

#[test]
fn a_fallback_that_breaks_its_promise_is_refused_by_every_transform() {
    let none = || Op::of(&[4], |_| Ok(Vec::new()));
    let short = || Op::of(&[4], |x| Ok(vec![x[0].sum(..)?]));
    let other = || Op::of(&[4], |x| Ok(vec![x[0].astype(Dtype::Float16)?]));
    on_cpu(|| {
        let x = numbers(&[4]);
        for op in [none(), short(), other()] {
            let f = |x: &Array| one(&op, x);
            let errors = [
                vjp(f, &x, &x).unwrap_err(),
                jvp(f, &x, &x).unwrap_err(),
                vmap(f, 0, 0)(&numbers(&[3, 4])).unwrap_err(),
            ];
            for error in errors {
                assert!(error.op() == "Op" && error.message().contains("where `outputs` says"), "{error}");
            }
        }
    });
}

#[test]
fn a_compiled_graph_runs_one_kernel_for_two_that_are_the_same() {
    for shapes in [Shapes::Exact, Shapes::Any] {
        on_cpu(|| {
            let op = triple(&[2]);
            let runs = Arc::clone(&op);
            let f = compile(move |x: &Array| one(&op, x)? + one(&op, x)?, shapes);
            let x = Array::from([1.0, 2.0]);
            for run in 1..4 {
                assert_eq!(floats(&f(&x).unwrap()), [2.0, 2.0]);
                assert_eq!(runs.runs.load(Ordering::SeqCst), run);
            }
        });
    }
}

#[test]
fn kernels_of_different_results_are_never_one() {
    on_cpu(|| {
        let f = compile(
            |x: &Array| {
                let spec = |n, dtype| Op::new([Spec::new([n], dtype)], |_| Ok(Vec::new()));
                let parts = [spec(1, Dtype::Float32), spec(100_000, Dtype::Float32)];
                let parts = [one(&parts[0], x)?, one(&parts[1], x)?];
                concatenate(&parts, 0)?.sum(..)
            },
            Shapes::Exact,
        );
        assert_eq!(f(&Array::from([1.0])).unwrap().item::<f32>().unwrap(), 100_001.0);
    });
}

#[test]
fn kernels_of_one_result_and_of_several_are_never_one() {
    on_cpu(|| {
        let spec = || Spec::new([2], Dtype::Float32);
        let counts = compile(
            move |x: &Array| {
                let one = kernel::apply(&Op::new([spec()], |_| Ok(Vec::new())), [x])?;
                let three = kernel::apply(&Op::new([spec(), spec(), spec()], |_| Ok(Vec::new())), [x])?;
                concatenate(one.iter().chain(&three), 0)
            },
            Shapes::Exact,
        );
        assert_eq!(floats(&counts(&Array::from([1.0])).unwrap()), [1.0; 8]);
    });
}

#[test]
fn a_kernel_compiled_for_any_shapes_runs_on_those_of_its_trace() {
    on_cpu(|| {
        let op = triple(&[2]);
        let f = compile(move |x: &Array| one(&op, x), Shapes::Any);
        assert_eq!(floats(&f(&Array::from([1.0, 2.0])).unwrap()), [1.0, 1.0]);
        let error = f(&Array::from([1.0, 2.0, 3.0])).unwrap_err();
        assert!(error.message().contains("Op may not run on other shapes"), "{error}");
        assert_eq!(floats(&f(&Array::from([3.0, 2.0])).unwrap()), [1.0, 1.0]);
    });
}

#[test]
fn files_and_descriptions_do_not_take_a_kernel() {
    let f = || {
        let op = triple(&[2]);
        move |x: &Array| one(&op, x)
    };
    on_cpu(|| {
        let folder = tempfile::tempdir().unwrap();
        let x = Array::from([1.0, 2.0]);
        let error = export_function(folder.path().join("f.mlxfn"), f(), &x).unwrap_err();
        assert!(error.message().contains("primitive Kernel:Op"), "{error}");
        let f = f();
        let keyed = move |x: &Array, _: &Keywords| f(x);
        let error = describe(keyed, &x, &Keywords::new(), Shapes::Exact).unwrap_err();
        assert!(error.message().contains("primitive Kernel:Op"), "{error}");
    });
}

/// An op with a name of MLX's and `$outputs` results, in all transforms.
macro_rules! goes_under {
    ($name:literal, $inputs:expr, $outputs:expr) => {{
        struct Namesake;
        impl Primitive for Namesake {
            const NAME: &'static str = $name;

            fn outputs(&self, _: &[&Array]) -> Result<Vec<Spec>> {
                Ok(vec![Spec::new([2], Dtype::Float32); $outputs])
            }

            fn run(&self, _: &[Input<'_>], _: &mut [Output<'_>]) -> Result<(), Failure> {
                Ok(())
            }

            fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
                Ok(vec![(&inputs[0] * 2.0)?; $outputs])
            }
        }
        let f = |x: &Array| Ok(kernel::apply(&Arc::new(Namesake), vec![x; $inputs])?.remove(0));
        let x = numbers(&[2]);
        assert_eq!(floats(&vmap(f, 0, 0)(&numbers(&[2, 2])).unwrap()), [0.0, 2.0, 4.0, 6.0]);
        assert_eq!(floats(&compile(f, Shapes::Any)(&x).unwrap()), [0.0, 0.0]);
        let file = tempfile::tempdir().unwrap();
        assert!(export_function(file.path().join("f"), f, &x).is_err());
    }};
}

#[test]
fn an_op_is_never_taken_for_one_of_mlx_by_its_name() {
    on_cpu(|| {
        goes_under!("CustomTransforms", 1, 2);
        goes_under!("Depends", 1, 3);
        goes_under!("Matmul", 1, 1);
        goes_under!("AddMM", 1, 1);
        goes_under!("Convolution", 1, 1);
        goes_under!("ScatterAxis", 1, 1);
        goes_under!("Compiled", 1, 1);
        goes_under!("Sum Axis", 1, 1);
    });
}

#[test]
fn no_inputs_and_no_results_are_allowed() {
    on_cpu(|| {
        let source = Op::of(&[2, 0, 3], |_| Ok(vec![Array::zeros([2, 0, 3], Dtype::Float32)?]));
        let y = kernel::apply(&source, []).unwrap().remove(0);
        assert_eq!((floats(&y), y.shape()), (vec![], &[2, 0, 3][..]));
        let number = Op::of(&[], |_| Ok(vec![Array::from(1.0)]));
        assert_eq!(kernel::apply(&number, []).unwrap()[0].item::<f32>().unwrap(), 1.0);
        let sink = Op::new([], |_| Ok(Vec::new()));
        assert!(kernel::apply(&sink, [&y]).unwrap().is_empty() && Arc::strong_count(&sink) == 1);
        let made = compile(move |x: &Array| x + &kernel::apply(&number, [])?[0], Shapes::Exact);
        assert_eq!(floats(&made(&Array::from([1.0])).unwrap()), [2.0]);
    });
}

#[test]
fn frozen_and_empty_arrays_and_those_of_another_stream_are_inputs() {
    on_cpu(|| {
        let copy = Op::of(&[0], |x| Ok(x.to_vec()));
        let empty = Array::zeros([0], Dtype::Float32).unwrap().freeze().unwrap().thaw().unwrap();
        assert!(floats(&one(&copy, &empty).unwrap()).is_empty());
        let op = triple(&[2]);
        let x = Array::from([1.0, 2.0]).freeze().unwrap().thaw().unwrap();
        let other = Stream::new(Device::Cpu).unwrap();
        let x = other.scope(|| &x * 2.0).unwrap();
        let y = other.scope(|| one(&op, &x)? + 1.0).unwrap();
        assert_eq!(floats(&(y + x).unwrap()), [4.0, 6.0]);
    });
}

#[test]
fn a_result_that_no_memory_holds_is_an_error_of_eval() {
    on_cpu(|| {
        let huge = Op::of(&[1 << 22, 1 << 22], |x| Ok(x.to_vec()));
        let y = one(&huge, &Array::from([1.0])).unwrap();
        let error = y.eval().unwrap_err();
        assert!(error.message().contains("Op: no memory for 70368744177664 bytes"), "{error}");
        assert_eq!(floats(&one(&triple(&[1]), &Array::from([1.0])).unwrap()), [1.0]);
    });
}

#[test]
fn the_mode_of_compiling_may_change_in_a_fallback() {
    on_cpu(|| {
        let op = Op::of(&[2], |x| {
            set_compile_mode(CompileMode::Enabled)?;
            Ok(vec![(&x[0] * 3.0)?])
        });
        let f = compile(move |x: &Array| one(&op, x)?.sum(..), Shapes::Exact);
        assert_eq!(floats(&grad(f)(&Array::from([1.0, 2.0])).unwrap()), [3.0, 3.0]);
    });
}
