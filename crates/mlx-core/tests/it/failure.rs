//! Closures of transforms that fail, panic, or let out what they are given.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlx_core::transform::{
    Shapes, checkpoint, compile, custom_function, grad, jvp, value_and_grad, vjp, vmap,
};
use mlx_core::{Array, Dtype, Error, Kind, Result, async_eval, eval};

use crate::values::{floats, ones};

/// Stops unless every transform works on this thread.
#[track_caller]
fn assert_usable() {
    let x = Array::from([1.0, 2.0]);
    let f = |x: &Array| x.square()?.sum(..);
    assert_eq!(floats(&grad(f)(&x).unwrap()), [2.0, 4.0]);
    assert_eq!(floats(&vmap(|x: &Array| x * 3.0, 0, 0)(&x).unwrap()), [3.0, 6.0]);
    assert_eq!(floats(&compile(|x: &Array| x + 1.0, Shapes::Exact)(&x).unwrap()), [2.0, 3.0]);
    assert_eq!(floats(&(&x + 1.0).unwrap()), [2.0, 3.0]);
    async_eval([&x.exp().unwrap()]).unwrap();
}

type Transformed = Box<dyn Fn(&dyn Fn(&Array) -> Result<Array>) -> Result<()>>;

/// Every transform, and such that contain each other.
fn transforms() -> Vec<(&'static str, Transformed)> {
    fn boxed(f: impl Fn(&dyn Fn(&Array) -> Result<Array>) -> Result<()> + 'static) -> Transformed {
        Box::new(f)
    }
    vec![
        ("grad", boxed(|f| grad(f)(&ones([3])).map(drop))),
        ("value_and_grad", boxed(|f| value_and_grad(f)(&ones([3])).map(drop))),
        ("vjp", boxed(|f| vjp(f, &ones([3]), &Array::from(1.0)).map(drop))),
        ("jvp", boxed(|f| jvp(f, &ones([3]), &ones([3])).map(drop))),
        ("vmap", boxed(|f| vmap(f, 0, 0)(&ones([3])).map(drop))),
        ("grad of grad", boxed(|f| grad(grad(|x: &Array| f(x)?.sum(..)))(&Array::from(1.0)).map(drop))),
        ("vmap of grad", boxed(|f| vmap(grad(f), 0, 0)(&ones([3])).map(drop))),
        ("grad of vmap", boxed(|f| grad(|x: &Array| vmap(f, 0, 0)(x)?.sum(..))(&ones([3])).map(drop))),
        ("vmap of vmap", boxed(|f| vmap(vmap(f, 0, 0), 0, 0)(&ones([4]).reshape([2, 2])?).map(drop))),
        ("jvp of grad", boxed(|f| jvp(grad(f), &Array::from(1.0), &Array::from(1.0)).map(drop))),
    ]
}

fn failing(x: &Array) -> Result<Array> {
    x.reshape([7, 7, 7])
}

fn panicking(_: &Array) -> Result<Array> {
    std::panic::panic_any("on purpose")
}

#[test]
fn an_error_comes_out_of_every_transform_as_it_was() {
    let line = line!() - 9;
    for (name, transformed) in transforms() {
        let error = transformed(&failing).unwrap_err();
        assert_eq!(
            (error.op(), error.kind(), error.at().line()),
            ("reshape", Kind::Mlx, line),
            "{name}: {error}"
        );
        assert_usable();
    }
}

#[test]
fn a_panic_goes_on_through_every_transform() {
    for (name, transformed) in transforms() {
        let panic = catch_unwind(AssertUnwindSafe(|| transformed(&panicking))).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"), "{name}");
        assert_usable();
    }
}

type Boxed = Box<dyn Fn(&Array) -> Result<Array>>;

/// The transforms that keep their closure, around each other.
fn kept(f: fn(&Array) -> Result<Array>) -> Vec<(&'static str, Boxed)> {
    vec![
        ("compile", Box::new(compile(f, Shapes::Exact))),
        ("compile for any shapes", Box::new(compile(f, Shapes::Any))),
        ("checkpoint", Box::new(checkpoint(f))),
        ("custom_function", Box::new(move |x| custom_function(f).call(x))),
        (
            "compile of grad of vmap",
            Box::new(compile(grad(move |x: &Array| vmap(f, 0, 0)(x)?.sum(..)), Shapes::Exact)),
        ),
        ("compile of vmap of grad", Box::new(compile(vmap(grad(f), 0, 0), Shapes::Exact))),
        ("grad of compile", Box::new(grad(compile(f, Shapes::Exact)))),
        ("vmap of compile", Box::new(vmap(compile(f, Shapes::Exact), 0, 0))),
        ("vmap of checkpoint", Box::new(vmap(checkpoint(f), 0, 0))),
        ("compile of compile", Box::new(compile(compile(f, Shapes::Exact), Shapes::Exact))),
        ("grad of checkpoint of compile", Box::new(grad(checkpoint(compile(f, Shapes::Exact))))),
    ]
}

#[test]
fn errors_and_panics_come_out_of_transforms_that_keep_their_closure() {
    for (name, transformed) in kept(failing) {
        for _ in 0..2 {
            assert_eq!(transformed(&ones([3])).unwrap_err().op(), "reshape", "{name}");
            assert_usable();
        }
    }
    for (name, transformed) in kept(panicking) {
        for _ in 0..2 {
            let panic = catch_unwind(AssertUnwindSafe(|| transformed(&ones([3])))).unwrap_err();
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"), "{name}");
            assert_usable();
        }
    }
}

#[test]
fn errors_and_panics_of_rules_come_out() {
    let sum = |f: &dyn Fn(&Array) -> Result<Array>| grad(|x: &Array| f(x)?.sum(..))(&ones([2])).map(drop);
    let f = custom_function(Array::exp).vjp(|x, _, _| failing(x));
    assert_eq!(sum(&|x| f.call(x)).unwrap_err().op(), "reshape");
    let f = custom_function(Array::exp).vjp(|x, _, _| panicking(x));
    assert!(catch_unwind(AssertUnwindSafe(|| sum(&|x| f.call(x)))).is_err());
    let f = custom_function(Array::exp).jvp(|x, _| failing(x));
    assert_eq!(jvp(|x: &Array| f.call(x), &ones([2]), &ones([2])).unwrap_err().op(), "reshape");
    let f = custom_function(Array::exp).vmap(|x: &Array, _: &[Option<i32>]| Ok((failing(x)?, 0)));
    assert_eq!(vmap(|x: &Array| f.call(x), 0, 0)(&ones([2])).unwrap_err().op(), "reshape");
    let f = custom_function(Array::exp).vmap(|x: &Array, _: &[Option<i32>]| Ok((panicking(x)?, 0)));
    assert!(catch_unwind(AssertUnwindSafe(|| vmap(|x: &Array| f.call(x), 0, 0)(&ones([2])))).is_err());
    assert_usable();
}

#[test]
fn an_error_that_a_closure_handles_does_not_come_out() {
    let f = |x: &Array| {
        assert!(grad(failing)(x).is_err());
        assert!(catch_unwind(AssertUnwindSafe(|| vmap(panicking, 0, 0)(x))).is_err());
        x.sum(..)
    };
    assert_eq!(floats(&grad(f)(&ones([2])).unwrap()), [1.0, 1.0]);
    // The next error is its own, not the one that was handled.
    let g = |x: &Array| {
        assert!(grad(failing)(x).is_err());
        x.sum(5)
    };
    assert_eq!(grad(g)(&ones([2])).unwrap_err().op(), "sum");
}

#[test]
fn an_error_of_another_thread_may_be_passed_on() {
    let foreign: RefCell<Option<Error>> = RefCell::new(None);
    let sent = std::thread::spawn(|| Array::from([1.0]).reshape([2]).unwrap_err()).join().unwrap();
    foreign.replace(Some(sent));
    let error = grad(|_: &Array| Err::<Array, _>(foreign.take().unwrap()))(&ones([1])).unwrap_err();
    assert_eq!(error.op(), "reshape");
}

#[test]
fn a_panicking_destructor_of_a_closure_does_not_end_the_process() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::panic_any("in drop");
            }
        }
    }
    let bomb = Bomb;
    let f = custom_function(move |x: &Array| {
        let _held = &bomb;
        x.exp()
    });
    let y = f.call(&ones([2])).unwrap();
    drop(catch_unwind(AssertUnwindSafe(|| drop(f))));
    drop(catch_unwind(AssertUnwindSafe(|| drop(y))));
    assert_usable();
}

/// What `transform` gives to its closure, after the transform.
fn leaked(transform: impl FnOnce(&dyn Fn(&Array) -> Result<Array>) -> Result<()>) -> Vec<Array> {
    let out = RefCell::new(Vec::new());
    let f = |x: &Array| {
        let y = x.exp()?;
        let parts = concatenated(&y)?.split(2, 0)?;
        out.borrow_mut().extend([x.clone(), y.clone(), x.sum(..)?]);
        out.borrow_mut().extend(parts);
        y.sum(..)
    };
    transform(&f).unwrap();
    out.into_inner()
}

fn concatenated(x: &Array) -> Result<Array> {
    let flat = x.reshape([-1])?;
    mlx_core::concatenate([&flat, &flat], 0)
}

#[test]
fn what_a_gradient_lets_out_has_its_value() {
    for arrays in [
        leaked(|f| grad(f)(&ones([2])).map(drop)),
        leaked(|f| vjp(f, &ones([2]), &Array::from(1.0)).map(drop)),
        leaked(|f| jvp(f, &ones([2]), &ones([2])).map(drop)),
    ] {
        assert_eq!(floats(&arrays[0]), [1.0, 1.0]);
        assert!((floats(&arrays[1])[0] - 1.0_f32.exp()).abs() < 1e-6);
        assert_eq!(arrays[2].item::<f32>().unwrap(), 2.0);
        assert_eq!(arrays[4].shape(), [2]);
        eval(&arrays).unwrap();
    }
}

#[test]
fn what_a_batch_or_a_trace_lets_out_has_a_shape_but_no_value() {
    let compiled = |f: &dyn Fn(&Array) -> Result<Array>| {
        let out = std::rc::Rc::new(RefCell::new(Vec::new()));
        let held = std::rc::Rc::clone(&out);
        let _ = f;
        compile(
            move |x: &Array| {
                let y = x.exp()?;
                held.borrow_mut().extend([x.clone(), y.clone(), x.sum(..)?]);
                held.borrow_mut().extend(concatenated(&y)?.split(2, 0)?);
                y.sum(..)
            },
            Shapes::Exact,
        )(&ones([2]))
        .unwrap();
        out.take()
    };
    let batch = leaked(|f| vmap(f, 0, 0)(&ones([4]).reshape([2, 2])?).map(drop));
    for arrays in [batch, compiled(&failing)] {
        assert_eq!((arrays[0].shape(), arrays[0].dtype()), (&[2][..], Dtype::Float32));
        for array in &arrays {
            for error in [
                array.eval(),
                eval([array]),
                async_eval([array]),
                array.to_vec::<f32>().map(drop),
                (array + 1.0).and_then(|y| y.eval()),
                array.sum(..).and_then(|y| y.item::<f32>()).map(drop),
                grad(|x: &Array| (x * array)?.sum(..))(&ones([1])).and_then(|y| y.eval()),
                compile(
                    {
                        let array = array.clone();
                        move |x: &Array| (x * &array)? + 1.0
                    },
                    Shapes::Exact,
                )(&ones([2]))
                .and_then(|y| y.eval()),
                vmap(|x: &Array| x * array, 0, 0)(&ones([2])).and_then(|y| y.eval()),
            ] {
                assert_eq!(error.unwrap_err().kind(), Kind::Mlx);
            }
            assert!(format!("{array}").starts_with("<array: "), "{array}");
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.safetensors");
            assert!(mlx_core::io::save_safetensors(path, [("x", array)], &Default::default()).is_err());
        }
        assert_usable();
    }
}

#[test]
fn a_row_that_was_let_out_is_not_one_of_another_batch() {
    let out = RefCell::new(None);
    let keep = |x: &Array| {
        out.replace(Some(x.clone()));
        Ok(x.clone())
    };
    vmap(keep, 0, 0)(&ones([3])).unwrap();
    let old = out.take().unwrap();
    let mixed = vmap(|x: &Array| x + &old, 0, 0)(&ones([3])).unwrap();
    assert!(mixed.eval().is_err());
    assert_usable();
}

#[test]
fn a_scalar_that_was_let_out_of_a_trace_is_no_constant_of_another() {
    let out = std::rc::Rc::new(RefCell::new(None));
    let held = std::rc::Rc::clone(&out);
    let keep = compile(
        move |x: &Array| {
            held.replace(Some(x.clone()));
            Ok(x.clone())
        },
        Shapes::Exact,
    );
    keep(&Array::from(2.0)).unwrap();
    let old = out.take().unwrap();
    let use_it = compile(move |x: &Array| ((x * &old)? + 1.0)?.exp(), Shapes::Exact);
    assert!(use_it(&ones([4])).and_then(|y| y.eval()).is_err());
    assert_usable();
}
