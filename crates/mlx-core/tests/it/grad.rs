//! Gradients and products with Jacobians: values, forms, refusals.

use std::collections::BTreeMap;

use mlx_core::transform::{grad, jvp, value_and_grad, vjp};
use mlx_core::{Array, Complex64, Dtype, Error, Kind, Tree, concatenate, select, stack};

use crate::values::{float, floats};

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (a, b) in found.iter().zip(expected) {
        assert!((a - b).abs() <= 1e-5 * (1.0 + b.abs()), "{found:?} is not {expected:?}");
    }
}

#[test]
fn the_gradient_of_a_sum_of_squares_is_twice_the_argument() {
    let x = Array::from([1.0, -2.0, 3.0]);
    let (value, dx) = value_and_grad(|x: &Array| x.square()?.sum(..))(&x).unwrap();
    assert_eq!(float(&value), 14.0);
    assert_eq!(floats(&dx), [2.0, -4.0, 6.0]);
}

#[test]
fn a_constant_function_has_a_gradient_of_zeros() {
    let dx = grad(|_: &Array| Ok(Array::from(3.0)))(&Array::from([1.0, 2.0])).unwrap();
    assert_eq!(floats(&dx), [0.0, 0.0]);
}

#[test]
fn the_identity_has_a_gradient_of_one() {
    let (value, dx) = value_and_grad(|x: &Array| Ok(x.clone()))(&Array::from(5.0)).unwrap();
    assert_eq!((float(&value), float(&dx)), (5.0, 1.0));
}

#[test]
fn gradients_come_in_the_form_of_the_argument() {
    let w = BTreeMap::from([("w".to_owned(), vec![Array::from(2.0), Array::from(3.0)])]);
    let argument = (w, (Array::from(5.0), None::<Array>));
    type Argument = (BTreeMap<String, Vec<Array>>, (Array, Option<Array>));
    let product = |(w, (b, _)): &Argument| {
        let w = &w["w"];
        ((&w[0] * &w[1])? * &w[1])? * b
    };
    let (dw, (db, none)) = grad(product)(&argument).unwrap();
    assert_eq!((float(&dw["w"][0]), float(&dw["w"][1])), (45.0, 60.0));
    assert_eq!(float(&db), 18.0);
    assert!(none.is_none());
}

#[derive(Tree)]
struct Layer {
    weight: Array,
    index: Array,
    on: Array,
    scale: f32,
}

fn layer() -> Layer {
    Layer {
        weight: Array::from([[1.0, 2.0], [3.0, 4.0]]),
        index: Array::from([1, 1]),
        on: Array::from(true),
        scale: 0.5,
    }
}

#[test]
fn whole_numbers_and_truth_values_have_gradients_of_zeros_of_their_type() {
    let loss = |l: &Layer| select(&l.on, &l.weight.take(&l.index, 0)?, 0.0)?.sum(..)? * l.scale;
    let d = grad(loss)(&layer()).unwrap();
    assert_eq!(floats(&d.weight), [0.0, 0.0, 1.0, 1.0]);
    assert_eq!((d.index.dtype(), d.index.to_vec::<i32>().unwrap()), (Dtype::Int32, vec![0, 0]));
    assert_eq!((d.on.dtype(), d.on.item::<bool>().unwrap()), (Dtype::Bool, false));
    assert_eq!(d.scale, 0.5);
}

#[test]
fn what_a_function_returns_beside_its_value_is_passed_through() {
    let f = |x: &Array| {
        let hidden = (x * 3.0)?;
        Ok((hidden.square()?.sum(..)?, hidden, "note", Array::from(7)))
    };
    let ((value, hidden, note, seven), dx) = value_and_grad(f)(&Array::from([1.0, 2.0])).unwrap();
    assert_eq!((float(&value), floats(&hidden), note), (45.0, vec![3.0, 6.0], "note"));
    assert_eq!(seven.item::<i32>().unwrap(), 7);
    assert_eq!(floats(&dx), [18.0, 36.0]);
}

#[test]
fn one_array_may_be_returned_twice() {
    let f = |x: &Array| {
        let y = (x * 2.0)?;
        Ok([y.clone(), y.clone(), y])
    };
    let (values, dx) = value_and_grad(f)(&Array::from(4.0)).unwrap();
    assert_eq!(values.map(|v| float(&v)), [8.0; 3]);
    assert_eq!(float(&dx), 2.0);
}

#[test]
fn one_array_may_be_two_arguments() {
    let x = Array::from(3.0);
    let (a, b) = grad(|(a, b): &(Array, Array)| (a * a)? * b)(&(x.clone(), x)).unwrap();
    assert_eq!((float(&a), float(&b)), (18.0, 9.0));
}

#[test]
fn captured_arrays_are_constants() {
    let (x, y) = (Array::from([1.0, 2.0]), Array::from([5.0, 5.0]).square().unwrap());
    let dx = grad(|x: &Array| ((x * &y)? + &x.clone())?.sum(..))(&x).unwrap();
    assert_eq!(floats(&dx), [26.0, 26.0]);
    let same = grad(|_: &Array| x.sum(..))(&x).unwrap();
    assert_eq!(floats(&same), [0.0, 0.0]);
    assert_eq!(floats(&y), [25.0, 25.0]);
}

#[test]
fn gradients_stop_where_told() {
    let f = |x: &Array| (x * x.stop_gradient()?)?.sum(..);
    assert_eq!(floats(&grad(f)(&Array::from([2.0, 3.0])).unwrap()), [2.0, 3.0]);
    let stopped = grad(|x: &Array| x.sum(..)?.stop_gradient())(&Array::from([2.0, 3.0])).unwrap();
    assert_eq!(floats(&stopped), [0.0, 0.0]);
}

#[test]
fn values_may_be_read_inside_a_gradient() {
    let f = |x: &Array| {
        let y = x.square()?;
        let large = y.item::<f32>()? > 10.0;
        if large { y * 100.0 } else { Ok(y) }
    };
    assert_eq!(float(&grad(f)(&Array::from(2.0)).unwrap()), 4.0);
    assert_eq!(float(&grad(f)(&Array::from(4.0)).unwrap()), 800.0);
}

#[test]
fn gradients_have_the_type_of_their_argument() {
    for dtype in [Dtype::Float16, Dtype::Bfloat16, Dtype::Float32] {
        let x = Array::from([1.0, 2.0]).astype(dtype).unwrap();
        let dx = grad(|x: &Array| x.astype(Dtype::Float32)?.square()?.sum(..))(&x).unwrap();
        assert_eq!(dx.dtype(), dtype);
        assert_eq!(floats(&dx.astype(Dtype::Float32).unwrap()), [2.0, 4.0]);
    }
}

#[test]
fn a_gradient_by_a_complex_number_is_mlx_s() {
    let z = Array::from(Complex64 { re: 3.0, im: 4.0 });
    let dz = grad(|z: &Array| z.abs()?.astype(Dtype::Float32))(&z).unwrap();
    let Complex64 { re, im } = dz.item().unwrap();
    assert_near(&[re, im], &[0.6, 0.8]);
}

#[test]
fn second_and_third_derivatives_are_gradients_of_gradients() {
    let x = Array::from(2.0);
    let cube = |x: &Array| (x * x)? * x;
    assert_eq!(float(&grad(cube)(&x).unwrap()), 12.0);
    assert_eq!(float(&grad(grad(cube))(&x).unwrap()), 12.0);
    assert_eq!(float(&grad(grad(grad(cube)))(&x).unwrap()), 6.0);
    assert_near(&[float(&grad(grad(Array::sin))(&x).unwrap())], &[-(2.0_f32.sin())]);
}

#[test]
fn a_gradient_inside_a_function_is_differentiated() {
    // d/dx (x · d/dx x³) = d/dx 3x³
    let f = |x: &Array| x * grad(|x: &Array| (x * x)? * x)(x)?;
    assert_eq!(float(&grad(f)(&Array::from(2.0)).unwrap()), 36.0);
}

#[test]
fn a_value_that_is_no_real_number_is_refused() {
    let x = Array::from([1.0, 2.0]);
    let shape = grad(|x: &Array| Ok(x.clone()))(&x).unwrap_err();
    assert_eq!((shape.kind(), shape.op()), (Kind::Shape, "grad"));
    assert!(shape.message().contains("[2]") && shape.message().contains("sum it"), "{shape}");
    let whole = grad(|x: &Array| x.sum(..)?.astype(Dtype::Int32))(&x).unwrap_err();
    assert_eq!(whole.kind(), Kind::Dtype);
    assert!(whole.message().contains("int32"), "{whole}");
    let complex = grad(|x: &Array| x.sum(..)?.astype(Dtype::Complex64))(&x).unwrap_err();
    assert_eq!(complex.kind(), Kind::Dtype);
    let nothing = grad(|_: &Array| Ok(()))(&x).unwrap_err();
    assert!(nothing.message().contains("no array"), "{nothing}");
}

#[test]
fn an_argument_without_variables_is_refused() {
    for error in [
        grad(|x: &Array| x.astype(Dtype::Float32)?.sum(..))(&Array::from([1, 2])).map(drop),
        grad(|_: &()| Ok(Array::from(1.0)))(&()),
        vjp(|x: &Array| Ok(x.clone()), &Array::from(true), &Array::from(true)).map(drop),
        jvp(|_: &Vec<Array>| Ok(Array::from(1.0)), &Vec::new(), &Vec::new()).map(drop),
    ] {
        assert_eq!(error.unwrap_err().kind(), Kind::Dtype);
    }
}

#[test]
fn errors_of_a_transform_point_at_the_line_that_built_it() {
    let x = Array::from([1.0, 2.0]);
    let from = line!();
    let errors: Vec<Error> = vec![
        grad(|x: &Array| Ok(x.clone()))(&x).unwrap_err(),
        value_and_grad(|_: &()| Ok(Array::from(1.0)))(&()).unwrap_err(),
        vjp(|x: &Array| Ok(x.clone()), &x, &Array::from(1.0)).unwrap_err(),
        jvp(|x: &Array| Ok(x.clone()), &x, &Array::from(1.0)).unwrap_err(),
        // No vector-Jacobian product exists: MLX's own error.
        vjp(|x: &Array| x.view(Dtype::Int32)?.view(Dtype::Float32), &x, &x).unwrap_err(),
    ];
    for error in errors {
        let at = error.at();
        assert!(at.file() == file!() && (from..line!()).contains(&at.line()), "{error}");
    }
}

#[test]
fn cotangents_are_pulled_back() {
    let (x, w) = (Array::from([[1.0, 2.0]]), Array::from([[3.0, 4.0], [5.0, 6.0]]));
    let c = Array::from([[1.0, 10.0]]);
    let ((y,), (dx, dw)) = vjp(|(x, w): &(Array, Array)| Ok((x.matmul(w)?,)), &(x, w), &(c,)).unwrap();
    assert_eq!(floats(&y), [13.0, 16.0]);
    assert_eq!(floats(&dx), [43.0, 65.0]);
    assert_eq!(floats(&dw), [1.0, 10.0, 2.0, 20.0]);
}

#[test]
fn each_of_several_values_has_its_own_cotangent() {
    let x = Array::from(3.0);
    let c = |n: f32| Array::from(n);
    let f = |x: &Array| Ok((x.square()?, (x * 5.0)?));
    let (_, dx) = vjp(f, &x, &(c(1.0), c(10.0))).unwrap();
    assert_eq!(float(&dx), 56.0);
    // MLX counts neither a value that is returned twice nor one that is stopped.
    let twice = |x: &Array| {
        let y = x.square()?;
        Ok((y.clone(), y))
    };
    assert_eq!(float(&vjp(twice, &x, &(c(1.0), c(10.0))).unwrap().1), 66.0);
    let stopped = |x: &Array| Ok((x.stop_gradient()?, (x * 2.0)?));
    assert_eq!(float(&vjp(stopped, &x, &(c(100.0), c(1.0))).unwrap().1), 2.0);
    let argument = |x: &Array| Ok((x.clone(), x.clone()));
    assert_eq!(float(&vjp(argument, &x, &(c(1.0), c(2.0))).unwrap().1), 3.0);
}

#[test]
fn tangents_are_pushed_forward() {
    let (x, y) = (Array::from([1.0, 2.0]), Array::from([3.0, 4.0]));
    let f = |(x, y): &(Array, Array)| Ok([(x * y)?, x.exp()?]);
    let tangents = (Array::from([1.0, 0.0]), Array::from([0.0, 1.0]));
    let ([product, _], [dp, de]) = jvp(f, &(x, y), &tangents).unwrap();
    assert_eq!(floats(&product), [3.0, 8.0]);
    assert_eq!(floats(&dp), [3.0, 2.0]);
    assert_near(&floats(&de), &[1.0_f32.exp(), 0.0]);
}

#[test]
fn a_tangent_of_another_type_is_converted() {
    let x = Array::from([1.0, 2.0]);
    let (_, dy) = jvp(|x: &Array| x * 3.0, &x, &Array::from([1, 2])).unwrap();
    assert_eq!((dy.dtype(), floats(&dy)), (Dtype::Float32, vec![3.0, 6.0]));
}

#[test]
fn tangents_of_whole_numbers_are_not_used() {
    let f = |(x, i): &(Array, Array)| x.take(i, 0);
    let primals = (Array::from([1.0, 2.0, 3.0]), Array::from([2, 0]));
    let tangents = (Array::from([10.0, 20.0, 30.0]), Array::from([7, 7]));
    let (value, tangent) = jvp(f, &primals, &tangents).unwrap();
    assert_eq!(floats(&value), [3.0, 1.0]);
    assert_eq!(floats(&tangent), [30.0, 10.0]);
}

#[test]
fn what_does_not_fit_is_refused_with_its_path() {
    let x = (Array::from([1.0, 2.0]), Array::from(1.0));
    let short = (Array::from([1.0, 2.0]), Array::from([1.0, 2.0]));
    let id = |x: &(Array, Array)| Ok((x.0.clone(), x.1.clone()));
    for error in [vjp(id, &x, &short).map(drop), jvp(id, &x, &short).map(drop)] {
        let error = error.unwrap_err();
        assert_eq!(error.kind(), Kind::Shape);
        assert!(error.message().contains("[2] at `1` does not fit shape []"), "{error}");
    }
    let list = |x: &Array| Ok(vec![x.clone()]);
    let form = vjp(list, &x.0, &vec![]).unwrap_err();
    assert!(form.message().contains("another form"), "{form}");
}

#[test]
fn forward_over_reverse_gives_a_product_with_the_hessian() {
    // f = x²y has the Hessian [[2y, 2x], [2x, 0]].
    let f = |x: &Array| {
        let [a, b] = [x.index(0)?, x.index(1)?];
        (&a * &a)? * &b
    };
    let x = Array::from([3.0, 5.0]);
    let (_, hv) = jvp(grad(f), &x, &Array::from([1.0, 10.0])).unwrap();
    assert_eq!(floats(&hv), [70.0, 6.0]);
    let reverse = vjp(grad(f), &x, &Array::from([1.0, 10.0])).unwrap().1;
    assert_eq!(floats(&reverse), [70.0, 6.0]);
    let along = |x: &Array| Ok(jvp(f, x, &Array::from([1.0, 10.0]))?.1);
    assert_eq!(floats(&grad(along)(&x).unwrap()), [70.0, 6.0]);
}

#[test]
fn joins_and_splits_take_their_gradients_apart_and_together() {
    let (a, b) = (Array::from([1.0, 2.0]), Array::from([3.0]));
    let weights = Array::from([1.0, 10.0, 100.0]);
    let f = |(a, b): &(Array, Array)| (concatenate([a, b], 0)? * &weights)?.sum(..);
    let (da, db) = grad(f)(&(a.clone(), b)).unwrap();
    assert_eq!((floats(&da), floats(&db)), (vec![1.0, 10.0], vec![100.0]));
    let g = |a: &Array| {
        let parts = a.split(2, 0)?;
        (stack([&parts[1], &parts[0], &parts[1]], 0)?.flatten(0, -1)? * &weights)?.sum(..)
    };
    assert_eq!(floats(&grad(g)(&a).unwrap()), [10.0, 101.0]);
}

#[test]
fn elements_that_are_picked_twice_add_their_gradients() {
    let x = Array::from([1.0, 2.0, 3.0]);
    let picked = |x: &Array| x.take(&Array::from([0, 2, 2, 2]), 0)?.sum(..);
    assert_eq!(floats(&grad(picked)(&x).unwrap()), [1.0, 0.0, 3.0]);
    let sliced = |x: &Array| (x.index(1..)?.sum(..)? * 2.0)? + x.index(0)?;
    assert_eq!(floats(&grad(sliced)(&x).unwrap()), [1.0, 2.0, 2.0]);
}

#[test]
fn branches_of_a_select_keep_their_gradients_apart() {
    let x = Array::from([-1.0, 2.0]);
    let relu = |x: &Array| select(&x.greater(0.0)?, x, 0.0)?.sum(..);
    assert_eq!(floats(&grad(relu)(&x).unwrap()), [0.0, 1.0]);
}

#[test]
fn a_transform_may_be_used_again() {
    let f = value_and_grad(|x: &Array| x.square()?.sum(..));
    for n in 1..4 {
        let x = Array::ones([n], Dtype::Float32).unwrap();
        let (value, dx) = f(&x).unwrap();
        assert_eq!((float(&value), floats(&dx)), (n as f32, vec![2.0; n as usize]));
    }
}
