//! The tools of a training loop.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use mlx_core::random::Key;
use mlx_core::transform::{Shapes, compile, grad};
use mlx_core::{Array, Dtype, Result, Tree, concatenate};
use mlx_nn::train::{
    Accumulator, Checkpointed, LossScale, check_loss, checkpoint, either, mixed_value_and_grad,
};
use mlx_nn::{Linear, Mlp, Module, Parameters, Sequential, Weights, init, value_and_grad};

fn model(seed: u64) -> Mlp {
    Weights::init(Key::new(seed).unwrap()).build(|w| Mlp::load(w, 8, 16, true)).unwrap()
}

fn batch(rows: i32, seed: u64) -> Array {
    init::normal([rows, 8], 0.0, 1.0, Dtype::Float32, &Key::new(seed).unwrap()).unwrap()
}

fn loss(model: &Mlp, x: &Array) -> Result<Array> {
    (model.forward(x)? - x)?.square()?.mean(..)
}

fn assert_equal(a: &Parameters, b: &Parameters, tolerance: f32) {
    assert!(a.names().eq(b.names()));
    for (path, a) in a.iter() {
        let difference = (a - b.get(path).unwrap()).unwrap().abs().unwrap().max(..).unwrap();
        let largest = a.abs().unwrap().max(..).unwrap().item::<f32>().unwrap();
        let difference = difference.item::<f32>().unwrap();
        assert!(difference <= tolerance * largest, "{path}: {difference} of {largest}");
    }
}

/// Plain gradient descent.
fn descend(model: &Mlp, gradients: &Parameters, rate: f32) -> Result<Mlp> {
    let (old, mut moved) = (model.parameters(), model.clone());
    moved.update(&gradients.map(|path, g| old.get(path).unwrap() - (g * rate)?)?).unwrap();
    Ok(moved)
}

#[test]
fn the_mean_of_small_batches_is_the_gradient_of_the_large_one() {
    let model = model(1);
    let batches = [batch(4, 1), batch(4, 2), batch(4, 3)];
    let of = |x: &Array| value_and_grad(|_| true, |m: &Mlp| loss(m, x))(&model).unwrap().1;
    let large = of(&concatenate(&batches, 0).unwrap());
    let mut sum = Accumulator::new(&large).unwrap();
    for batch in &batches {
        sum = sum.add(&of(batch)).unwrap();
        sum.eval().unwrap();
    }
    assert_equal(&sum.mean().unwrap(), &large, 1e-5);
    assert!(sum.add(&Parameters::default()).is_err());
}

#[test]
fn a_checkpointed_function_has_the_same_gradient_and_is_called_again() {
    let (model, x, calls) = (model(2), batch(4, 1), Rc::new(Cell::new(0)));
    let expected = value_and_grad(|_| true, |m: &Mlp| loss(m, &x))(&model).unwrap();
    let counted = Rc::clone(&calls);
    let again = checkpoint(move |m: &Mlp, x: &Array| {
        counted.set(counted.get() + 1);
        loss(m, x)
    });
    let (value, gradients) = value_and_grad(|_| true, |m: &Mlp| again(m, &x))(&model).unwrap();
    assert_eq!(calls.get(), 2);
    assert_eq!(value.item::<f32>().unwrap(), expected.0.item::<f32>().unwrap());
    assert_equal(&gradients, &expected.1, 1e-6);
}

#[test]
fn a_checkpointed_layer_stands_in_for_the_layer() {
    let w = Weights::init(Key::new(3).unwrap()).at("layers");
    let layers: Vec<Linear> =
        [0, 1].map(|at| w.linear_with_bias(&at.to_string(), [8, 8], true).unwrap()).into();
    let plain = Sequential::new(layers.clone());
    let again = Sequential::new(layers.into_iter().map(Checkpointed).collect::<Vec<_>>());
    assert!(plain.parameters().names().eq(again.parameters().names()));
    let x = batch(2, 5);
    let (_, expected) =
        value_and_grad(|_| true, |m: &Sequential<Vec<Linear>>| m.forward(&x)?.tanh()?.sum(..))(&plain)
            .unwrap();
    let f = |m: &Sequential<Vec<Checkpointed<Linear>>>| m.forward(&x)?.tanh()?.sum(..);
    let (_, gradients) = value_and_grad(|_| true, f)(&again).unwrap();
    assert_equal(&gradients, &expected, 1e-6);
    let dx = |x: &Array| again.forward(x)?.tanh()?.sum(..);
    let expected = grad(|x: &Array| plain.forward(x)?.tanh()?.sum(..))(&x).unwrap();
    let difference = (grad(dx)(&x).unwrap() - expected).unwrap().abs().unwrap().max(..).unwrap();
    assert!(difference.item::<f32>().unwrap() < 1e-6);
}

#[test]
fn a_mixed_gradient_computes_in_one_type_and_comes_out_in_the_other() {
    let (model, x, types) = (model(4), batch(4, 1), RefCell::new(Vec::new()));
    let f = |m: &Mlp| {
        let y = m.forward(&x.astype(Dtype::Bfloat16)?)?;
        types.borrow_mut().push(y.dtype());
        (y - &x)?.square()?.mean(..)
    };
    let step = mixed_value_and_grad(Dtype::Bfloat16, |_| true, f);
    let (value, gradients) = step(&model, &LossScale::fixed(1024.0).unwrap()).unwrap();
    assert_eq!(types.borrow().as_slice(), [Dtype::Bfloat16]);
    assert!(gradients.values().all(|gradient| gradient.dtype() == Dtype::Float32));
    let (expected_value, expected) = value_and_grad(|_| true, |m: &Mlp| loss(m, &x))(&model).unwrap();
    assert_equal(&expected, &gradients, 0.05);
    let [value, expected] = [value, expected_value].map(|value| value.item::<f32>().unwrap());
    assert!((value - expected).abs() < 0.02 * expected, "{value} {expected}");
}

#[test]
fn a_loss_scale_keeps_gradients_that_are_too_small_for_half_precision() {
    let linear = Linear::new(Array::ones([1, 8], Dtype::Float32).unwrap(), None);
    let x = (batch(2, 1) * 1e-5).unwrap();
    let f = |m: &Linear| (m.forward(&x.astype(Dtype::Float16)?)? * 1e-4)?.mean(..);
    let step = mixed_value_and_grad(Dtype::Float16, |_| true, f);
    let largest = |scale: f32| {
        let (_, gradients) = step(&linear, &LossScale::fixed(scale).unwrap()).unwrap();
        gradients.get("weight").unwrap().abs().unwrap().max(..).unwrap().item::<f32>().unwrap()
    };
    assert_eq!(largest(1.0), 0.0);
    let expected =
        (x.mean(0).unwrap() * 1e-4).unwrap().abs().unwrap().max(..).unwrap().item::<f32>().unwrap();
    assert!((largest(32768.0) / expected - 1.0).abs() < 0.02, "{} {expected}", largest(32768.0));
}

#[test]
fn a_loss_scale_falls_at_once_and_grows_with_patience() {
    let of =
        |value: f32| Parameters::from_iter([("a", Array::from([1.0, 2.0])), ("b", Array::from([value]))]);
    let mut scale = LossScale::new(8.0, Some(2)).unwrap();
    let mut seen = Vec::new();
    for value in [1.0, 1.0, 1.0, f32::NAN, 1.0, f32::INFINITY, 1.0, 1.0] {
        let (next, finite) = scale.adapt(&of(value)).unwrap();
        assert_eq!(finite.item::<bool>().unwrap(), value.is_finite());
        seen.push(next.factor().item::<f32>().unwrap());
        scale = next;
    }
    assert_eq!(seen, [8.0, 16.0, 16.0, 8.0, 8.0, 4.0, 4.0, 8.0]);
    let (fixed, finite) = LossScale::fixed(3.0).unwrap().adapt(&of(f32::NAN)).unwrap();
    assert_eq!((fixed.factor().item::<f32>().unwrap(), finite.item::<bool>().unwrap()), (3.0, false));
}

#[test]
fn a_step_with_gradients_that_are_not_finite_is_left_out_in_a_compiled_loop() {
    let step = compile(
        |(model, scale, x): &(Mlp, LossScale, Array)| {
            let f = |m: &Mlp| {
                let x = x.astype(Dtype::Float16)?;
                (m.forward(&x)? - &x)?.square()?.mean(..)
            };
            let (value, gradients) = mixed_value_and_grad(Dtype::Float16, |_| true, f)(model, scale)?;
            let (scale, finite) = scale.adapt(&gradients)?;
            let model = either(&finite, &descend(model, &gradients, 0.2)?, model)?;
            Ok((model, scale, value))
        },
        Shapes::Exact,
    );
    // Far more than float16 bears: the first steps only find the scale.
    let (mut model, mut scale) = (model(5), LossScale::new(1e9, Some(1000)).unwrap());
    let (before, x) = (model.parameters(), batch(16, 1));
    let (mut losses, mut left_out) = (Vec::new(), 0);
    for at in 0..60 {
        let old = scale.factor().item::<f32>().unwrap();
        let (next, next_scale, value) = step(&(model, scale, x.clone())).unwrap();
        losses.push(check_loss(&value, at).unwrap());
        if next_scale.factor().item::<f32>().unwrap() < old {
            left_out += 1;
            assert_equal(&next.parameters(), &before, 0.0);
        }
        (model, scale) = (next, next_scale);
    }
    assert!((3..30).contains(&left_out), "{left_out}");
    assert!(losses[59] < 0.7 * losses[0], "{losses:?}");
    assert!(model.leaves().iter().all(|array| array.dtype() == Dtype::Float32));
}

#[test]
fn a_loss_that_is_no_number_is_reported_with_its_step() {
    assert_eq!(check_loss(&Array::from(0.5), 3).unwrap(), 0.5);
    let error = check_loss(&Array::from(f32::NAN), 12).unwrap_err().to_string();
    assert!(error.starts_with("the loss is NaN at step 12: lower the learning rate"), "{error}");
    let half = Array::from(f32::INFINITY).astype(Dtype::Float16).unwrap();
    let error = check_loss(&half, 0).unwrap_err().to_string();
    assert!(error.starts_with("the loss is inf at step 0"), "{error}");
}
