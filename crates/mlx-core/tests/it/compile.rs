//! Compiled functions: values, when they are traced again, what they refuse.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlx_core::random::{self, Key};
use mlx_core::transform::{
    CompileMode, Shapes, clear_compile_cache, compile, grad, set_compile_mode, value_and_grad, vjp, vmap,
};
use mlx_core::{Array, Device, Dtype, Result, Tree, concatenate, select, stack};

use crate::values::{float, floats, near, ones};

type Boxed = Box<dyn Fn(&Array) -> Result<Array>>;

/// `f`, compiled, and how often it was called.
fn counted<T: Tree + 'static, U: Tree + 'static>(
    f: impl Fn(&T) -> Result<U> + 'static,
    shapes: Shapes,
) -> (impl Fn(&T) -> Result<U>, Rc<Cell<i32>>) {
    let calls = Rc::new(Cell::new(0));
    let seen = Rc::clone(&calls);
    let compiled = compile(
        move |x: &T| {
            seen.set(seen.get() + 1);
            f(x)
        },
        shapes,
    );
    (compiled, calls)
}

#[test]
fn a_function_is_called_once_for_arguments_of_the_same_shapes() {
    let (f, calls) = counted(|(x, y): &(Array, Array)| x + y, Shapes::Exact);
    for n in 1..4 {
        let x = (ones([2]) * n).unwrap();
        assert_eq!(floats(&f(&(x.clone(), x)).unwrap()), [2.0 * n as f32; 2]);
    }
    assert_eq!(calls.get(), 1);
}

#[test]
fn another_shape_or_type_is_traced_again() {
    let (f, calls) = counted(|x: &Array| x.clone() + x, Shapes::Exact);
    let arguments =
        [ones([2]), ones([3]), ones([1, 2]), ones([2]).astype(Dtype::Int32).unwrap(), Array::from(1.0)];
    for round in 0..2 {
        for (at, x) in (1..).zip(&arguments) {
            let y = f(x).unwrap();
            assert_eq!((y.shape(), y.dtype()), (x.shape(), x.dtype()));
            assert_eq!(calls.get(), if round == 0 { at } else { 5 });
        }
    }
}

#[test]
fn another_value_that_is_no_array_is_traced_again() {
    let (f, calls) = counted(|(x, n): &(Array, f32)| x * *n, Shapes::Exact);
    for (n, expected) in [(2.0, 1), (3.0, 2), (2.0, 2), (3.0, 2)] {
        assert_eq!(float(&f(&(Array::from(5.0), n)).unwrap()), 5.0 * n);
        assert_eq!(calls.get(), expected);
    }
}

#[test]
fn another_form_is_traced_again() {
    let sum = |list: &Vec<Option<Array>>| list.iter().flatten().try_fold(Array::from(0.0), |sum, x| sum + x);
    let (f, calls) = counted(sum, Shapes::Exact);
    let n = |n: f32| Some(Array::from(n));
    assert_eq!(float(&f(&vec![n(1.0), None]).unwrap()), 1.0);
    assert_eq!(float(&f(&vec![None, n(2.0)]).unwrap()), 2.0);
    assert_eq!(float(&f(&vec![n(2.0), n(5.0)]).unwrap()), 7.0);
    assert_eq!(float(&f(&vec![]).unwrap()), 0.0);
    assert_eq!(calls.get(), 4);
    assert_eq!(float(&f(&vec![n(3.0), None]).unwrap()), 3.0);
    assert_eq!(calls.get(), 4);
}

#[test]
fn values_come_back_in_their_form() {
    #[derive(Tree)]
    struct State {
        at: Array,
        moments: Vec<Array>,
        name: String,
    }
    let step = |s: &State| {
        let moments = s.moments.iter().map(|m| m * 2.0).collect::<Result<_>>()?;
        Ok(State { at: (&s.at + 1)?, moments, name: format!("{}!", s.name) })
    };
    let (f, calls) = counted(step, Shapes::Exact);
    let mut state = State { at: Array::from(0), moments: vec![ones([1]), ones([2])], name: "a".to_owned() };
    for _ in 0..2 {
        let name = state.name.clone();
        state = f(&state).unwrap();
        assert_eq!(state.name, format!("{name}!"));
        state.name = "a".to_owned();
    }
    assert_eq!((state.at.item::<i32>().unwrap(), floats(&state.moments[1])), (2, vec![4.0, 4.0]));
    assert_eq!(calls.get(), 1);
}

#[test]
fn a_function_may_return_what_it_is_given_twice_or_nothing() {
    let id = compile(|x: &Array| Ok((x.clone(), x.clone(), (x * 2.0)?)), Shapes::Exact);
    let (a, b, c) = id(&Array::from(3.0)).unwrap();
    assert_eq!([a, b, c].map(|x| float(&x)), [3.0, 3.0, 6.0]);
    let none = compile(|_: &Array| Ok(()), Shapes::Exact);
    none(&Array::from(3.0)).unwrap();
    let constant = compile(|_: &()| Array::from([1.0, 2.0]) * 3.0, Shapes::Exact);
    assert_eq!(floats(&constant(&()).unwrap()), [3.0, 6.0]);
}

#[test]
fn one_array_may_be_given_twice() {
    let f = compile(|(x, y): &(Array, Array)| (x - y)? * 3.0, Shapes::Exact);
    let x = Array::from(3.0);
    assert_eq!(float(&f(&(x.clone(), x.clone())).unwrap()), 0.0);
    assert_eq!(float(&f(&(x, Array::from(1.0))).unwrap()), 6.0);
}

#[test]
fn captured_arrays_are_constants() {
    let w = Array::from([1.0, 2.0]);
    let lazy = w.exp().unwrap();
    let f = compile(
        {
            let (w, lazy) = (w.clone(), lazy.clone());
            move |x: &Array| (x * &w)? + &lazy
        },
        Shapes::Exact,
    );
    let expected = ((&w * 10.0).unwrap() + &lazy).unwrap();
    for _ in 0..2 {
        assert!(f(&Array::from([10.0, 10.0])).unwrap().allclose(&expected, near(1e-6, 0.0)).unwrap());
    }
    let error = f(&w).and_then(|y| y.eval());
    assert!(error.is_ok(), "the trace for this shape is there");
    let g = compile(
        {
            let w = w.clone();
            move |x: &Array| x * &w
        },
        Shapes::Exact,
    );
    assert!(g(&w).unwrap_err().message().contains("uncaptured inputs"));
    assert_eq!(floats(&g(&ones([2])).unwrap()), [1.0, 2.0]);
}

#[test]
fn state_goes_in_and_comes_out() {
    let draw = compile(
        |key: &Key| {
            let mut key = key.clone();
            let now = key.next()?;
            Ok((key, random::uniform([3], 0.0, 1.0, Dtype::Float32, &now)?))
        },
        Shapes::Exact,
    );
    let (mut key, mut plain) = (Key::new(5).unwrap(), Key::new(5).unwrap());
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (next, numbers) = draw(&key).unwrap();
        key = next;
        let now = plain.next().unwrap();
        let expected = random::uniform([3], 0.0, 1.0, Dtype::Float32, &now).unwrap();
        assert!(numbers.allclose(&expected, near(1e-6, 0.0)).unwrap());
        seen.push(floats(&numbers));
    }
    assert_ne!(seen[0], seen[1]);
}

#[test]
fn values_cannot_be_read_in_a_trace() {
    let f = compile(|x: &Array| x * x.item::<f32>()?, Shapes::Exact);
    for _ in 0..2 {
        let error = f(&Array::from(2.0)).unwrap_err();
        assert_eq!(error.op(), "eval");
        assert!(error.message().contains("compile"), "{error}");
    }
    let wait = compile(|x: &Array| mlx_core::async_eval([x]).map(|()| x.clone()), Shapes::Exact);
    assert!(wait(&Array::from(2.0)).is_err());
}

#[test]
fn gradients_are_compiled() {
    let loss = |(w, x): &(Array, Array)| (w * x)?.sin()?.square()?.sum(..);
    let f = compile(value_and_grad(loss), Shapes::Exact);
    let (w, x) = (Array::from([0.1, 0.2]), Array::from([3.0, 4.0]));
    let (value, (dw, dx)) = f(&(w.clone(), x.clone())).unwrap();
    let (expected, (ew, ex)) = value_and_grad(loss)(&(w, x)).unwrap();
    assert!((float(&value) - float(&expected)).abs() < 1e-6);
    assert!(dw.allclose(&ew, near(1e-5, 1e-6)).unwrap() && dx.allclose(&ex, near(1e-5, 1e-6)).unwrap());
}

#[test]
fn compiled_functions_are_transformed() {
    let (f, calls) = counted(|x: &Array| x.exp()? * 2.0, Shapes::Exact);
    let x = Array::from([0.0, 1.0]);
    let expected = (x.exp().unwrap() * 2.0).unwrap();
    let close = |y: Array| assert!(y.allclose(&expected, near(1e-6, 0.0)).unwrap());
    close(f(&x).unwrap());
    close(grad(|x: &Array| f(x)?.sum(..))(&x).unwrap());
    close(vmap(&f, 0, 0)(&x).unwrap());
    close(vmap(grad(&f), 0, 0)(&x).unwrap());
    close(vjp(&f, &x, &ones([2])).unwrap().1);
    close(vmap(grad(grad(&f)), 0, 0)(&x).unwrap());
    let before = calls.get();
    close(f(&x).unwrap());
    assert_eq!(calls.get(), before);
}

#[test]
fn transforms_nest_in_every_order() {
    // f(w) = Σ (w · rows)², with the gradient 2 Σ rows (w · rows).
    let rows = Array::from([[1.0, 2.0], [3.0, -1.0], [0.5, 0.0]]);
    let one = |(w, row): &(Array, Array)| (w * row)?.sum(..)?.square();
    let w = Array::from([0.5, -1.5]);
    let expected = [2.0 * (-2.5 + 3.0 * 3.0 + 0.5 * 0.25), 2.0 * (-2.5 * 2.0 - 3.0)];
    let near = |x: &Array| {
        floats(x)
            .iter()
            .zip(expected)
            .for_each(|(a, b): (&f32, f32)| assert!((a - b).abs() < 1e-5, "{a} {b}"));
    };
    let batch = {
        let rows = rows.clone();
        move |w: &Array| vmap(one, [None, Some(0)], 0)(&(w.clone(), rows.clone()))?.sum(..)
    };
    near(&grad(&batch)(&w).unwrap());
    near(&compile(grad(batch.clone()), Shapes::Exact)(&w).unwrap());
    near(&grad(compile(batch.clone(), Shapes::Exact))(&w).unwrap());
    let (value, gradient) =
        compile(value_and_grad(compile(batch.clone(), Shapes::Exact)), Shapes::Exact)(&w).unwrap();
    assert!((float(&value) - (6.25 + 9.0 + 0.0625)).abs() < 1e-5);
    near(&gradient);
    let each = vmap(grad(one), [None, Some(0)], 0);
    near(&each(&(w.clone(), rows.clone())).unwrap().0.sum(0).unwrap());
    let compiled = compile(vmap(grad(compile(one, Shapes::Exact)), [None, Some(0)], 0), Shapes::Exact);
    near(&compiled(&(w.clone(), rows)).unwrap().0.sum(0).unwrap());
    let hessian = compile(vmap(grad(grad(|x: &Array| (x * x)? * x)), 0, 0), Shapes::Exact);
    assert_eq!(floats(&hessian(&Array::from([1.0, 2.0])).unwrap()), [6.0, 12.0]);
}

#[test]
fn a_function_that_calls_itself_is_not_compiled_inside() {
    let this: Rc<RefCell<Option<Boxed>>> = Rc::default();
    let again = Rc::clone(&this);
    let depth = Cell::new(0);
    let constants = [ones([3]), ones([4])];
    let f = compile(
        move |x: &Array| {
            depth.set(depth.get() + 1);
            let inner = match constants.get(depth.get() - 1) {
                Some(constant) => again.borrow().as_ref().unwrap()(constant)?.sum(..)?,
                None => Array::from(0.0),
            };
            depth.set(depth.get() - 1);
            (x * 2.0)? + &inner
        },
        Shapes::Exact,
    );
    this.replace(Some(Box::new(f)));
    let y = this.borrow().as_ref().unwrap()(&ones([3])).unwrap();
    // 4 twos, then 3 of (2 + 8), then 2 + 30.
    assert_eq!(floats(&y), [32.0; 3]);
    assert_eq!(floats(&this.borrow().as_ref().unwrap()(&ones([3])).unwrap()), [32.0; 3]);
    this.take();
}

#[test]
fn where_the_work_runs_is_a_part_of_the_trace() {
    let (f, calls) = counted(|x: &Array| x.exp(), Shapes::Exact);
    let x = Array::from(0.0);
    let stream = mlx_core::Stream::new(Device::Cpu).unwrap();
    for _ in 0..2 {
        assert_eq!(float(&f(&x).unwrap()), 1.0);
        assert_eq!(float(&stream.scope(|| f(&x)).unwrap()), 1.0);
    }
    assert_eq!(calls.get(), 2);
}

#[test]
fn a_trace_that_was_forgotten_is_made_again() {
    let (f, calls) = counted(|x: &Array| x + 1.0, Shapes::Exact);
    for expected in 1..3 {
        assert_eq!(float(&f(&Array::from(1.0)).unwrap()), 2.0);
        assert_eq!(calls.get(), expected);
        clear_compile_cache().unwrap();
    }
}

#[test]
fn what_a_compiled_function_captures_is_freed_with_it() {
    let held = Rc::new(());
    let token = Rc::clone(&held);
    let f = compile(
        move |x: &Array| {
            let _ = &token;
            x + 1.0
        },
        Shapes::Exact,
    );
    f(&ones([2])).unwrap();
    f(&ones([3])).unwrap();
    assert_eq!(Rc::strong_count(&held), 2);
    drop(f);
    assert_eq!(Rc::strong_count(&held), 1);
}

#[test]
fn a_compiled_function_may_outlive_its_thread_s_streams() {
    thread_local! {
        static LEFT: RefCell<Option<Boxed>> = const { RefCell::new(None) };
    }
    let thread = std::thread::spawn(|| {
        let f = compile(|x: &Array| x.exp()? + 1.0, Shapes::Exact);
        f(&Array::from(0.0)).unwrap().eval().unwrap();
        LEFT.with(|left| left.replace(Some(Box::new(f))));
    });
    thread.join().unwrap();
}

#[test]
fn compiling_can_be_turned_off() {
    let run = || {
        let (f, calls) = counted(|x: &Array| (x.exp()? * 2.0)? + 1.0, Shapes::Exact);
        for _ in 0..3 {
            assert_eq!(float(&f(&Array::from(0.0)).unwrap()), 3.0);
        }
        calls.get()
    };
    for (mode, expected) in [
        (CompileMode::Disabled, 3),
        (CompileMode::NoSimplify, 1),
        (CompileMode::NoFuse, 1),
        (CompileMode::Enabled, 1),
    ] {
        set_compile_mode(mode).unwrap();
        let calls = run();
        set_compile_mode(CompileMode::Enabled).unwrap();
        assert_eq!(calls, expected, "{mode:?}");
    }
}

#[test]
fn special_numbers_and_types_are_kept() {
    let x = Array::from([1.0, -1.0, 0.0]);
    let f = compile(|x: &Array| (x / 0.0)? + f64::INFINITY, Shapes::Exact);
    let y = floats(&f(&x).unwrap());
    assert!(y[0] == f32::INFINITY && y[1].is_nan() && y[2].is_nan());
    for dtype in Dtype::ALL.into_iter().filter(|&dtype| dtype != Dtype::Bool) {
        let double = |x: &Array| (x + x)? * x;
        let x = Array::from([1, 2, 3]).astype(dtype);
        let run = || -> Result<()> {
            let (x, f) = (x?, compile(double, Shapes::Exact));
            let (found, expected) = (f(&x)?, double(&x)?);
            assert_eq!(found.dtype(), expected.dtype());
            assert!(found.equal(&expected)?.all(..)?.item::<bool>()?, "{dtype}");
            Ok(())
        };
        Device::Cpu.scope(run).unwrap();
    }
}

#[test]
fn many_inputs_and_outputs_are_fused_right() {
    let f = |xs: &Vec<Array>| {
        let sum = xs.iter().skip(1).try_fold(xs[0].clone(), |sum, x| sum + x)?;
        xs.iter().map(|x| x * &sum).collect::<Result<Vec<_>>>()
    };
    let xs: Vec<Array> = (0..40).map(|n| Array::from([n as f32, 1.0])).collect();
    let ys = compile(f, Shapes::Exact)(&xs).unwrap();
    for (n, y) in (0..40).zip(&ys) {
        assert_eq!(floats(y), [780.0 * n as f32, 40.0]);
    }
}

#[test]
fn lengths_may_differ_where_the_function_allows_it() {
    let (f, calls) = counted(|(x, y): &(Array, Array)| ((x * y)?.exp()? + 1.0)?.sum(1), Shapes::Any);
    for (a, b) in [([2, 3], [2, 3]), ([4, 2], [4, 1]), ([2, 3], [1, 3]), ([1, 5], [6, 1]), ([0, 3], [0, 3])] {
        let (x, y) = ((ones(a) * 0.5).unwrap(), ones(b));
        let found = f(&(x.clone(), y.clone())).unwrap();
        let expected = (((x * &y).unwrap().exp().unwrap() + 1.0).unwrap()).sum(1).unwrap();
        assert_eq!(found.shape(), expected.shape());
        assert!(found.allclose(&expected, near(1e-5, 0.0)).unwrap());
    }
    assert_eq!(calls.get(), 1);
    assert!(f(&(ones([2, 3]), ones([2, 4]))).is_err());
    // MLX reads past the end where there is nothing to reduce.
    assert!(f(&(ones([4, 1]), ones([4, 1]))).unwrap_err().message().contains("Sum"));
    assert_eq!(f(&(ones([2, 2]), ones([1, 2]))).unwrap().shape(), [2]);
}

#[test]
fn products_and_joins_of_other_lengths_are_checked() {
    let product = compile(|(x, y): &(Array, Array)| x.matmul(y), Shapes::Any);
    let call = |a: [i32; 2], b: [i32; 2]| product(&(ones(a), ones(b)));
    assert_eq!(call([2, 3], [3, 4]).unwrap().shape(), [2, 4]);
    assert_eq!(floats(&call([1, 5], [5, 1]).unwrap()), [5.0]);
    assert!(call([2, 3], [4, 4]).unwrap_err().message().contains("Matmul"));
    let join = compile(|(x, y): &(Array, Array)| concatenate([x, y], 0), Shapes::Any);
    let call = |a: [i32; 2], b: [i32; 2]| join(&(ones(a), ones(b)));
    assert_eq!(call([2, 3], [1, 3]).unwrap().shape(), [3, 3]);
    assert_eq!(call([5, 2], [4, 2]).unwrap().shape(), [9, 2]);
    assert!(call([2, 3], [2, 4]).unwrap_err().message().contains("Concatenate"));
}

#[test]
fn what_depends_on_a_length_is_refused_for_any_shapes() {
    let at = Array::from([4]);
    let picks: Vec<Boxed> = vec![
        Box::new(compile(
            {
                let at = at.clone();
                move |x: &Array| x.take(&at, 0)
            },
            Shapes::Any,
        )),
        Box::new(compile(move |x: &Array| x.take_along_axis(&at, 0), Shapes::Any)),
        Box::new(compile(|x: &Array| x.index(2..5), Shapes::Any)),
        Box::new(compile(|x: &Array| x.pad([(0, 1, 1)], 0), Shapes::Any)),
        Box::new(compile(|x: &Array| x.slice_update(&Array::from([1.0]), [4]), Shapes::Any)),
        Box::new(compile(|x: &Array| Ok(x.split(5, 0)?.remove(4)), Shapes::Any)),
    ];
    for (case, f) in picks.iter().enumerate() {
        let error = f(&ones([5])).unwrap_err();
        assert!(
            error.message().contains("compile for exact shapes") || error.message().contains("infer"),
            "{case}: {error}"
        );
        assert!(f(&ones([4])).is_err(), "{case}");
    }
    let fixed = compile(|x: &Array| x.reshape([2, 3]), Shapes::Any);
    assert_eq!(fixed(&ones([3, 2])).unwrap().shape(), [2, 3]);
    assert!(fixed(&ones([3, 5])).is_err());
    let full = compile(|x: &Array| x * &Array::from([1.0, 2.0, 3.0]), Shapes::Any);
    assert_eq!(full(&ones([3])).unwrap().shape(), [3]);
    assert!(full(&ones([7])).and_then(|y| y.eval()).is_err());
    let empty = compile(|x: &Array| x.max(0), Shapes::Any);
    assert_eq!(floats(&empty(&ones([3, 2])).unwrap()), [1.0, 1.0]);
    assert!(empty(&ones([0, 2])).is_err());
}

/// A function of three arrays that is the same for the same `seed`.
fn random_graph(seed: u32) -> impl Fn(&[Array; 3]) -> Result<[Array; 2]> {
    move |inputs: &[Array; 3]| {
        let mut state = seed;
        let mut next = |n: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 16) % n) as usize
        };
        let mut known = inputs.to_vec();
        for _ in 0..10 {
            let (a, b) = (known[next(known.len() as u32)].clone(), known[next(known.len() as u32)].clone());
            known.push(match next(12) {
                0 => (&a + &b)?,
                1 => (&a * &b)?,
                2 => (&a - &b)?,
                3 => a.tanh()?,
                4 => (a.abs()? + 0.5)?.log()?,
                5 => a.maximum(&b)?,
                6 => select(&a.greater(&b)?, &a, (&b * 0.5)?)?,
                7 => (&a - &a.mean(mlx_core::keep(-1))?)?,
                8 => a.softmax(-1)?,
                9 => (a.matmul(b.t()?)?.matmul(&a)? * 0.1)?.tanh()?,
                10 => concatenate([&a.index((.., 1..))?, &b.index((.., ..1))?], 1)?,
                _ => stack([&a, &b], 0)?.min(0)?,
            });
        }
        let last = known.split_off(known.len() - 2);
        last.try_into().map_err(|_| unreachable!())
    }
}

#[test]
fn random_graphs_give_the_same_compiled() {
    let inputs: [Array; 3] = std::array::from_fn(|n| {
        let key = Key::new(n as u64).unwrap();
        random::normal([3, 3], Dtype::Float32, &key).unwrap()
    });
    for seed in 0..3 {
        let expected = random_graph(seed)(&inputs).unwrap();
        let f = compile(random_graph(seed), Shapes::Exact);
        for _ in 0..2 {
            for (found, expected) in f(&inputs).unwrap().iter().zip(&expected) {
                assert!(
                    found.allclose(expected, near(1e-4, 1e-5)).unwrap(),
                    "{seed}: {found} is not {expected}"
                );
            }
        }
    }
}

#[test]
fn traces_may_be_forgotten_while_one_is_made() {
    let f = compile(
        |x: &Array| {
            let y = (x + 1.0)?;
            clear_compile_cache()?;
            &y * x
        },
        Shapes::Exact,
    );
    for x in [1.0, 2.0] {
        assert_eq!(float(&f(&Array::from(x)).unwrap()), x * (x + 1.0));
    }
}
