//! Functions with rules of their own, and functions that are computed again.

use std::cell::Cell;
use std::rc::Rc;

use mlx_core::transform::{
    Shapes, checkpoint, compile, custom_function, grad, jvp, value_and_grad, vjp, vmap,
};
use mlx_core::{Array, Closeness, Dtype, Kind, Quantization, Quantized, Result};

use crate::values::{float, floats};

type Pair = (Array, Array);

fn pair(a: f32, b: f32) -> Pair {
    (Array::from(a), Array::from(b))
}

#[test]
fn a_function_without_rules_is_the_function() {
    let f = custom_function(|(x, y): &Pair| Ok(((x * y)?, (x + y)?)));
    let (product, sum) = f.call(&pair(3.0, 4.0)).unwrap();
    assert_eq!((float(&product), float(&sum)), (12.0, 7.0));
    let loss = |x: &Pair| {
        let (product, sum) = f.call(x)?;
        product * &sum
    };
    let (dx, dy) = grad(loss)(&pair(3.0, 4.0)).unwrap();
    assert_eq!((float(&dx), float(&dy)), (40.0, 33.0));
    let (_, (dp, ds)) = jvp(|x: &Pair| f.call(x), &pair(3.0, 4.0), &pair(1.0, 10.0)).unwrap();
    assert_eq!((float(&dp), float(&ds)), (34.0, 11.0));
    let rows = (Array::from([1.0, 2.0]), Array::from([3.0, 4.0]));
    let (products, _) = vmap(|x: &Pair| f.call(x), 0, 0)(&rows).unwrap();
    assert_eq!(floats(&products), [3.0, 8.0]);
}

#[test]
fn a_rule_for_gradients_takes_the_place_of_mlx_s() {
    let f = custom_function(|(x, y): &Pair| x * y).vjp(|(x, y), cotangent, value| {
        assert_eq!(float(value), float(x) * float(y));
        Ok(((cotangent * 100.0)?, (cotangent * value)?))
    });
    let (dx, dy) = grad(|x: &Pair| f.call(x)? * 2.0)(&pair(3.0, 4.0)).unwrap();
    assert_eq!((float(&dx), float(&dy)), (200.0, 24.0));
}

#[test]
fn a_rule_for_tangents_takes_the_place_of_mlx_s() {
    let f = custom_function(|(x, y): &Pair| x * y).jvp(|(x, _), (dx, dy)| (dx * 1000.0)? + (dy * x)?);
    let (value, tangent) = jvp(|x: &Pair| f.call(x), &pair(3.0, 4.0), &pair(1.0, 1.0)).unwrap();
    assert_eq!((float(&value), float(&tangent)), (12.0, 1003.0));
    // Only one of the two depends on the variable.
    let y = Array::from(4.0);
    let along = |x: &Array| f.call(&(x.clone(), y.clone()));
    assert_eq!(float(&jvp(along, &Array::from(3.0), &Array::from(1.0)).unwrap().1), 1000.0);
    // The rule for tangents does not change gradients.
    assert_eq!(float(&grad(along)(&Array::from(3.0)).unwrap()), 4.0);
}

#[test]
fn a_rule_for_batches_may_put_the_batch_anywhere() {
    let f =
        custom_function(|x: &Array| Ok((x.clone(), x.sum(..)?))).vmap(|x: &Array, axes: &[Option<i32>]| {
            let axis = axes[0].unwrap();
            let front = if axis == 0 { x.clone() } else { x.swapaxes(0, axis)? };
            Ok(((front.t()?, front.sum(1)?), [1, 0]))
        });
    let x = Array::from([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]);
    let (same, sums) = vmap(|x: &Array| f.call(x), 0, 0)(&x).unwrap();
    assert_eq!((floats(&same), floats(&sums)), (floats(&x), vec![3.0, 7.0, 11.0]));
    let (same, sums) = vmap(|x: &Array| f.call(x), 1, 0)(&x).unwrap();
    assert_eq!((same.shape(), floats(&sums)), (&[2, 3][..], vec![9.0, 12.0]));
}

#[test]
fn rules_of_all_kinds_are_used_together() {
    let f = custom_function(Array::square)
        .vjp(|x, c, _| (x * c)? * 20.0)
        .jvp(|x, t| (x * t)? * 30.0)
        .vmap(|x: &Array, _: &[Option<i32>]| Ok((x.square()? * 1.0, 0)).and_then(|(y, at)| Ok((y?, at))));
    let x = Array::from([1.0, 2.0]);
    assert_eq!(floats(&grad(|x: &Array| f.call(x)?.sum(..))(&x).unwrap()), [20.0, 40.0]);
    assert_eq!(floats(&jvp(|x: &Array| f.call(x), &x, &Array::from([1.0, 1.0])).unwrap().1), [30.0, 60.0]);
    assert_eq!(floats(&vmap(|x: &Array| f.call(x), 0, 0)(&x).unwrap()), [1.0, 4.0]);
}

#[test]
fn second_derivatives_go_through_a_rule() {
    let cube = custom_function(|x: &Array| (x * x)? * x).vjp(|x, c, _| (x.square()? * 3.0)? * c);
    let x = Array::from(2.0);
    let first = grad(|x: &Array| cube.call(x));
    assert_eq!(float(&first(&x).unwrap()), 12.0);
    assert_eq!(float(&grad(grad(|x: &Array| cube.call(x)))(&x).unwrap()), 12.0);
}

#[test]
fn rules_that_give_something_else_are_refused() {
    let x = Array::from([1.0, 2.0]);
    let sum = |f: &mlx_core::transform::CustomFunction<Array, Array>, x: &Array| {
        grad(|x: &Array| f.call(x)?.sum(..))(x).map(drop)
    };
    let wrong = custom_function(Array::exp).vjp(|_, c, _| c.sum(..));
    let error = sum(&wrong, &x).unwrap_err();
    assert_eq!((error.kind(), error.op()), (Kind::Shape, "custom_function"));
    assert_eq!(error.message(), "the rule for vjp gave arrays of shapes [[]], not [[2]]");

    let wrong = custom_function(Array::exp).jvp(|_, t| t.reshape([2, 1]));
    let error = jvp(|x: &Array| wrong.call(x), &x, &x).unwrap_err();
    assert_eq!(error.message(), "the rule for jvp gave arrays of shapes [[2, 1]], not [[2]]");

    let few = custom_function(|x: &Array| Ok(vec![x.exp()?, x.sin()?])).jvp(|_, t| Ok(vec![t.clone()]));
    assert!(jvp(|x: &Array| few.call(x), &x, &x).is_err());
    let many = custom_function(|x: &Array| Ok(vec![x.exp()?])).jvp(|_, t| Ok(vec![t.clone(); 9]));
    assert!(jvp(|x: &Array| many.call(x), &x, &x).is_err());

    let rows = Array::from([[1.0, 2.0], [3.0, 4.0]]);
    for axis in [1, 2, -3, i32::MAX] {
        let wrong = custom_function(|x: &Array| x.sum(..))
            .vmap(move |x: &Array, _: &[Option<i32>]| Ok((x.sum(1)?, axis)));
        assert!(vmap(|x: &Array| wrong.call(x), 0, 0)(&rows).is_err(), "{axis}");
    }
    let none = custom_function(|x: &Array| x.sum(..))
        .vmap(|x: &Array, _: &[Option<i32>]| Ok((x.sum(1)?, vec![None])));
    assert!(vmap(|x: &Array| none.call(x), 0, 0)(&rows).is_err());
    let many = custom_function(|x: &Array| Ok(vec![x.sum(..)?]))
        .vmap(|x: &Array, _: &[Option<i32>]| Ok((vec![x.sum(1)?; 5], 0)));
    assert!(vmap(|x: &Array| many.call(x), 0, 0)(&rows).is_err());
    let short = custom_function(|x: &Array| x.sum(..))
        .vmap(|x: &Array, _: &[Option<i32>]| Ok((x.sum(1)?.index(..1)?, 0)));
    assert!(vmap(|x: &Array| short.call(x), 0, 0)(&rows).is_err());
}

#[test]
fn a_rule_may_give_another_type() {
    let x = Array::from([1.0, 2.0]).astype(Dtype::Float16).unwrap();
    let f = custom_function(|x: &Array| x.astype(Dtype::Float32)).vjp(|_, c, _| c.astype(Dtype::Float32));
    let dx = grad(|x: &Array| f.call(x)?.sum(..))(&x).unwrap();
    assert_eq!(dx.dtype(), Dtype::Float16);
}

#[test]
fn a_function_that_returns_no_array_is_refused() {
    let error = custom_function(|_: &Array| Ok(())).call(&Array::from(1.0)).unwrap_err();
    assert_eq!(error.message(), "the function returns no array");
    let line = line!() + 1;
    let error = checkpoint(|_: &Array| Ok(Vec::<Array>::new()))(&Array::from(1.0)).unwrap_err();
    assert_eq!((error.op(), error.message().contains("no array")), ("custom_function", true));
    assert!(error.at().line() >= line || error.at().file() != file!());
}

#[test]
fn to_capture_what_is_differentiated_is_an_error() {
    let x = Array::from(2.0);
    let error = grad(|w: &Array| {
        let w = w.clone();
        checkpoint(move |x: &Array| x * &w)(&x)
    })(&Array::from(3.0))
    .unwrap_err();
    assert!(error.message().contains("make it a part of the argument"), "{error}");
    let derived = grad(|w: &Array| {
        let w = w.exp()?;
        custom_function(move |x: &Array| x * &w).call(&x)
    })(&Array::from(3.0));
    assert!(derived.is_err());
    let right = grad(|w: &Array| checkpoint(|(x, w): &Pair| x * w)(&(x.clone(), w.clone())));
    assert_eq!(float(&right(&Array::from(3.0)).unwrap()), 2.0);
}

#[test]
fn a_checkpoint_has_the_values_and_gradients_of_the_function() {
    let f = |(x, w): &Pair| x.matmul(w)?.tanh()?.square()?.sum(..);
    let x = (Array::from([[0.1, 0.2], [0.3, -0.4]]), Array::from([[1.0, -1.0], [0.5, 2.0]]));
    let (value, plain) = value_and_grad(f)(&x).unwrap();
    let (same, again) = value_and_grad(checkpoint(f))(&x).unwrap();
    assert_eq!(float(&value), float(&same));
    assert_eq!(floats(&plain.0), floats(&again.0));
    assert_eq!(floats(&plain.1), floats(&again.1));
}

#[test]
fn a_checkpoint_calls_its_function_again_for_the_gradient() {
    let calls = Rc::new(Cell::new(0));
    let seen = Rc::clone(&calls);
    let f = checkpoint(move |x: &Array| {
        seen.set(seen.get() + 1);
        x.exp()
    });
    let x = Array::from([1.0, 2.0]);
    f(&x).unwrap();
    assert_eq!(calls.get(), 1);
    grad(|x: &Array| f(x)?.sum(..))(&x).unwrap().eval().unwrap();
    assert_eq!(calls.get(), 3);
}

#[test]
fn a_checkpoint_takes_whole_numbers_too() {
    let f = checkpoint(|(x, at): &Pair| x.take(at, 0)?.square());
    let at = Array::from([2, 2, 0]);
    let x = Array::from([1.0, 2.0, 3.0]);
    let dx = grad(|x: &Array| f(&(x.clone(), at.clone()))?.sum(..))(&x).unwrap();
    assert_eq!(floats(&dx), [2.0, 0.0, 12.0]);
}

#[test]
fn checkpoints_nest_with_other_transforms() {
    let f = checkpoint(|x: &Array| x.sin()? * x);
    let x = Array::from([0.5, 1.0]);
    let plain = |x: &Array| x.sin()? * x;
    let sum = |x: &Array| f(x)?.sum(..);
    let plain_sum = |x: &Array| plain(x)?.sum(..);
    let close = |a: &Array, b: &Array| {
        assert!(
            a.allclose(b, Closeness { rtol: 1e-5, atol: 1e-6, ..Closeness::default() }).unwrap(),
            "{a} {b}"
        )
    };
    let first = grad(plain_sum)(&x).unwrap();
    close(&grad(sum)(&x).unwrap(), &first);
    close(&vmap(grad(&f), 0, 0)(&x).unwrap(), &first);
    close(&grad(|x: &Array| vmap(&f, 0, 0)(x)?.sum(..))(&x).unwrap(), &first);
    let second = vmap(grad(grad(plain)), 0, 0)(&x).unwrap();
    close(&vmap(grad(grad(&f)), 0, 0)(&x).unwrap(), &second);
    let inner = checkpoint(|x: &Array| x.sin()? * x);
    let compiled = compile(grad(checkpoint(move |x: &Array| inner(x)?.sum(..))), Shapes::Exact);
    close(&compiled(&x).unwrap(), &first);
    close(&vjp(&f, &x, &Array::from([1.0, 1.0])).unwrap().1, &first);
    close(&jvp(&f, &x, &Array::from([1.0, 1.0])).unwrap().1, &first);
    let twice = checkpoint(checkpoint(plain));
    close(&grad(|x: &Array| twice(x)?.sum(..))(&x).unwrap(), &first);
}

#[test]
fn rules_of_a_function_may_use_transforms_themselves() {
    let f = custom_function(|x: &Array| x.square()?.sum(..))
        .vjp(|x, c, _| grad(|x: &Array| x.square()?.sum(..))(x)? * c);
    let x = Array::from([1.0, 2.0]);
    assert_eq!(floats(&grad(|x: &Array| f.call(x))(&x).unwrap()), [2.0, 4.0]);
}

#[test]
fn a_rule_serves_ops_that_have_none() {
    let bits = custom_function(|x: &Array| x.view(Dtype::Int32)?.view(Dtype::Float32))
        .jvp(|_, t| t * 3.0)
        .vjp(|_, c, _| c * 2.0);
    let x = Array::from([1.0, 2.0]);
    let (value, tangent) = jvp(|x: &Array| bits.call(x), &x, &x).unwrap();
    assert_eq!((floats(&value), floats(&tangent)), (vec![1.0, 2.0], vec![3.0, 6.0]));
    assert_eq!(floats(&grad(|x: &Array| bits.call(x)?.sum(..))(&x).unwrap()), [2.0, 2.0]);

    let w =
        Quantized::of(&Array::ones([2, 64], Dtype::Float32).unwrap(), Quantization::affine(8, 64)).unwrap();
    let rows = Array::ones([3, 1, 64], Dtype::Float32).unwrap();
    assert!(vmap(|x: &Array| x.quantized_matmul(&w), 0, 0)(&rows).is_err());
    let product = custom_function({
        let w = w.clone();
        move |x: &Array| x.quantized_matmul(&w)
    })
    .vmap(move |x: &Array, _: &[Option<i32>]| Ok((x.quantized_matmul(&w)?, 0)));
    let products = vmap(|x: &Array| product.call(x)? + 1.0, 0, 0)(&rows).unwrap();
    assert_eq!((products.shape(), floats(&products)), (&[3, 1, 2][..], vec![65.0; 6]));
}

#[test]
fn rules_for_derivatives_hold_in_a_batch_too() {
    let f = custom_function(|(x, w): &Pair| x * w)
        .vjp(|(x, w), c, y| Ok((((c * w)? * 10.0)?, ((c * x)? + &(y * 0.0)?)?)))
        .jvp(|(x, _), (dx, _)| (dx * 5.0)? + &(x * 0.0)?);
    let (x, w) = (Array::from([1.0, 2.0, 3.0]), Array::from(4.0));
    let sum = |x: &Pair| vmap(|x: &Pair| f.call(x), [Some(0), None], 0)(x)?.sum(..);
    let (dx, dw) = grad(sum)(&(x.clone(), w.clone())).unwrap();
    assert_eq!((floats(&dx), floats(&dw)), (vec![40.0; 3], vec![6.0]));
    let rows = |x: &Array| vmap(|x: &Pair| f.call(x), [Some(0), None], 0)(&(x.clone(), w.clone()));
    let (_, tangents) = jvp(rows, &x, &Array::from([1.0, 1.0, 1.0])).unwrap();
    assert_eq!(floats(&tangents), [5.0; 3]);
    let columns = Array::from([[1.0, 2.0], [3.0, 4.0]]);
    let f = custom_function(|x: &Array| x.square()?.sum(..)).vjp(|x, c, _| (x * c)? * 7.0);
    let dx = grad(|x: &Array| vmap(|x: &Array| f.call(x), 1, 0)(x)?.sum(..))(&columns).unwrap();
    assert_eq!(floats(&dx), [7.0, 14.0, 21.0, 28.0]);
}

#[test]
fn what_a_function_captures_is_freed_with_the_last_array_that_needs_it() {
    struct Token(Rc<Cell<bool>>);
    impl Drop for Token {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    let freed = Rc::new(Cell::new(false));
    let token = Token(Rc::clone(&freed));
    let f = custom_function(move |x: &Array| {
        let _held = &token;
        x.exp()
    });
    let y = f.call(&Array::from(1.0)).unwrap();
    drop(f);
    assert!(!freed.get());
    let z: Result<Array> = y + 1.0;
    assert!(!freed.get());
    drop(z);
    assert!(freed.get());
}
