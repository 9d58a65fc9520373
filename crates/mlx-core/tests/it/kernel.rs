//! Ops of the caller's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use mlx_core::kernel::{self, Failure, Input, Output, Primitive, Spec};
use mlx_core::transform::grad;
use mlx_core::{Array, Complex64, Device, Dtype, Error, Kind, Result, Slice, eval};

use crate::values::on_cpu;

/// `scale · x` for any number of inputs, and how often its kernel ran.
struct Scale {
    scale: f32,
    runs: AtomicUsize,
}

impl Scale {
    fn by(scale: f32) -> Arc<Self> {
        Arc::new(Self { scale, runs: AtomicUsize::new(0) })
    }
}

impl Primitive for Scale {
    const NAME: &'static str = "Scale";

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(inputs.iter().map(|x| Spec::like(x)).collect())
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        for (x, y) in inputs.iter().zip(outputs) {
            assert_eq!(x.shape(), y.shape());
            let x = x.values::<f32>()?;
            y.values::<f32>()?.iter_mut().zip(x.iter()).for_each(|(y, x)| *y = self.scale * x);
        }
        Ok(())
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        inputs.iter().map(|x| x * self.scale).collect()
    }

    fn is_same(&self, other: &Self) -> bool {
        self.scale == other.scale
    }
}

/// Calls a function as its kernel, with one input and one output of the same kind.
struct Call<F>(F);

impl<F> Primitive for Call<F>
where
    F: Fn(&Input<'_>, &mut Output<'_>) -> Result<(), Failure> + Send + Sync + 'static,
{
    const NAME: &'static str = "Call";

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        Ok(vec![Spec::like(inputs[0])])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        self.0(&inputs[0], &mut outputs[0])
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        Ok(inputs.to_vec())
    }
}

fn call<F>(x: &Array, f: F) -> Array
where
    F: Fn(&Input<'_>, &mut Output<'_>) -> Result<(), Failure> + Send + Sync + 'static,
{
    kernel::apply(&Arc::new(Call(f)), [x]).unwrap().remove(0)
}

fn scaled(x: &Array) -> Array {
    kernel::apply(&Scale::by(2.0), [x]).unwrap().remove(0)
}

#[test]
fn a_kernel_runs_when_its_result_is_read() {
    on_cpu(|| {
        let scale = Scale::by(3.0);
        let y = kernel::apply(&scale, [&Array::from([1.0, 2.0]), &Array::from([[4.0]])]).unwrap();
        assert_eq!(scale.runs.load(Ordering::Relaxed), 0);
        let next = (&y[0] + 1.0).unwrap();
        assert_eq!(next.to_vec::<f32>().unwrap(), [4.0, 7.0]);
        assert_eq!(y[1].to_vec::<f32>().unwrap(), [12.0]);
        assert_eq!(scale.runs.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn inputs_of_any_layout_are_read_in_order() {
    on_cpu(|| {
        let x = Array::arange(0..12).unwrap().astype(Dtype::Float32).unwrap().reshape([3, 4]).unwrap();
        for layout in [
            x.t().unwrap(),
            x.index((Slice::step_by(.., -2), 1..3)).unwrap(),
            x.index(1).unwrap().broadcast_to([2, 4]).unwrap(),
            x.index((0, 0)).unwrap(),
            x.index((.., 2..2)).unwrap(),
        ] {
            let expected = (&layout * 2.0).unwrap();
            assert_eq!(scaled(&layout).to_vec::<f32>().unwrap(), expected.to_vec::<f32>().unwrap());
        }
    });
}

#[test]
fn every_type_of_element_is_read_and_written() {
    fn copied<T: mlx_core::Element + PartialEq + std::fmt::Debug>(x: &Array) {
        let y = call(x, |x, y| {
            y.values::<T>()?.copy_from_slice(&x.values::<T>()?);
            Ok(())
        });
        assert_eq!(y.to_vec::<T>().unwrap(), x.to_vec::<T>().unwrap());
    }
    on_cpu(|| {
        copied::<bool>(&Array::from([true, false]));
        copied::<u8>(&Array::from([1_u8, 255]));
        copied::<i64>(&Array::from([1_i64, -1]));
        copied::<mlx_core::bf16>(&Array::from([1.0, 2.0]).astype(Dtype::Bfloat16).unwrap());
        copied::<f64>(&Array::from([1.0, 2.0]).astype(Dtype::Float64).unwrap());
        copied::<Complex64>(&Array::from([Complex64 { re: 1.0, im: -2.0 }]));
    });
}

#[test]
fn another_type_than_the_arrays_is_an_error() {
    on_cpu(|| {
        let y = call(&Array::from([1.0]), |x, _| x.values::<i32>().map(drop));
        let error = y.eval().unwrap_err();
        assert!(error.message().contains("Call: a kernel for int32 was given float32"), "{error}");
        let y = call(&Array::from([1.0]), |_, y| y.values::<u8>().map(drop));
        assert!(y.eval().unwrap_err().message().contains("a kernel for uint8 was given float32"));
    });
}

#[test]
fn what_a_kernel_leaves_unwritten_is_zero() {
    on_cpu(|| {
        for _ in 0..20 {
            drop(Array::full([1000], 7, Dtype::Float32).unwrap().eval());
            let y = call(&Array::zeros([1000], Dtype::Float32).unwrap(), |_, _| Ok(()));
            assert!(y.to_vec::<f32>().unwrap().iter().all(|&value| value == 0.0));
        }
    });
}

#[test]
fn a_failure_or_a_panic_of_a_kernel_is_the_error_of_eval() {
    on_cpu(|| {
        let y = call(&Array::from([1.0]), |_, _| Err("out of ideas".into()));
        assert!(y.eval().unwrap_err().message().contains("Call: out of ideas"));
        let y = call(&Array::from([1.0]), |_, _| panic!("number {}", 7));
        assert!(y.eval().unwrap_err().message().contains("Call: the kernel panicked: number 7"));
        assert_eq!(scaled(&Array::from([4.0])).to_vec::<f32>().unwrap(), [8.0]);
    });
}

#[test]
fn an_output_that_cannot_be_is_refused() {
    struct Huge;
    impl Primitive for Huge {
        const NAME: &'static str = "Huge";

        fn outputs(&self, _: &[&Array]) -> Result<Vec<Spec>> {
            Ok(vec![Spec::new([-1, -1], Dtype::Float32)])
        }

        fn run(&self, _: &[Input<'_>], _: &mut [Output<'_>]) -> Result<(), Failure> {
            Ok(())
        }

        fn fallback(&self, _: &[Array]) -> Result<Vec<Array>> {
            Ok(Vec::new())
        }
    }
    let error = kernel::apply(&Arc::new(Huge), []).unwrap_err();
    assert_eq!(error.op(), "Huge");
    assert!(error.message().contains("shape [-1, -1]") && error.at().file() == file!(), "{error}");
}

#[test]
fn a_kernel_is_dropped_with_the_last_array_that_needs_it() {
    on_cpu(|| {
        let scale = Scale::by(1.5);
        let y = kernel::apply(&scale, [&Array::from([2.0])]).unwrap();
        assert!(Arc::strong_count(&scale) > 1);
        eval(&y).unwrap();
        drop(y);
        mlx_core::Stream::current().unwrap().synchronize().unwrap();
        assert_eq!(Arc::strong_count(&scale), 1);
        drop(kernel::apply(&scale, [&Array::from([2.0])]).unwrap());
        assert_eq!(Arc::strong_count(&scale), 1);
    });
}

#[test]
fn kernels_run_from_many_threads() {
    let scale = Scale::by(0.5);
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let scale = Arc::clone(&scale);
            std::thread::spawn(move || {
                Device::Cpu
                    .scope(|| {
                        for _ in 0..50 {
                            let x = Array::full([64], n, Dtype::Float32)?;
                            let y = kernel::apply(&scale, [&x])?.remove(0).sum(..)?;
                            assert_eq!(y.item::<f32>()?, 32.0 * n as f32);
                        }
                        Ok(())
                    })
                    .unwrap();
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(scale.runs.load(Ordering::Relaxed), 400);
}

/// `Σ (2 x)²`, whose gradient is `8 x`.
fn energy(x: &Array) -> Result<Array> {
    kernel::apply(&Scale::by(2.0), [x])?.remove(0).square()?.sum(..)
}

#[test]
fn gradients_come_from_the_fallback() {
    on_cpu(|| {
        let x = Array::from([1.0, -3.0]);
        assert_eq!(grad(energy)(&x).unwrap().to_vec::<f32>().unwrap(), [8.0, -24.0]);
        let twice = grad(|x: &Array| grad(energy)(x)?.sum(..))(&x).unwrap();
        assert_eq!(twice.to_vec::<f32>().unwrap(), [8.0, 8.0]);
    });
}

#[test]
fn only_what_is_asked_for_is_differentiated() {
    /// `w · x` with whole numbers `w`, which have no gradient.
    struct Weigh;
    impl Primitive for Weigh {
        const NAME: &'static str = "Weigh";

        fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
            Ok(vec![Spec::like(inputs[1])])
        }

        fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
            let (w, x) = (inputs[0].values::<i32>()?, inputs[1].values::<f32>()?);
            let y = outputs[0].values::<f32>()?;
            y.iter_mut().zip(w.iter().zip(x.iter())).for_each(|(y, (&w, &x))| *y = w as f32 * x);
            Ok(())
        }

        fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
            Ok(vec![(inputs[0].astype(Dtype::Float32)? * &inputs[1])?])
        }
    }
    on_cpu(|| {
        let w = Array::from([3, -1]);
        let weighed = |x: &Array| kernel::apply(&Arc::new(Weigh), [&w, x])?.remove(0).sum(..);
        assert_eq!(grad(weighed)(&Array::from([1.0, 5.0])).unwrap().to_vec::<f32>().unwrap(), [3.0, -1.0]);
    });
}

#[test]
fn an_error_of_the_fallback_comes_back_as_itself() {
    struct Flat;
    impl Primitive for Flat {
        const NAME: &'static str = "Flat";

        fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
            Ok(vec![Spec::like(inputs[0])])
        }

        fn run(&self, _: &[Input<'_>], _: &mut [Output<'_>]) -> Result<(), Failure> {
            Ok(())
        }

        fn fallback(&self, _: &[Array]) -> Result<Vec<Array>> {
            Err(Error::custom("flat", "it has no slope"))
        }
    }
    on_cpu(|| {
        let flat = |x: &Array| kernel::apply(&Arc::new(Flat), [x])?.remove(0).sum(..);
        let error = grad(flat)(&Array::from([1.0])).unwrap_err();
        assert_eq!((error.kind(), error.op(), error.message()), (Kind::Custom, "flat", "it has no slope"));
        assert_eq!(grad(energy)(&Array::from([1.0])).unwrap().item::<f32>().unwrap(), 8.0);
    });
}
