//! Gradients of models, and what is frozen.

use mlx_core::random::Key;
use mlx_core::transform::{Shapes, compile};
use mlx_core::{Array, Dtype, Quantization, Result, concatenate, keep};
use mlx_nn::{Linear, Module, Parameters, Weights, init, value_and_grad};

#[derive(Clone, Debug, Module)]
struct Net {
    first: Linear,
    #[module(buffer)]
    offset: Array,
    last: Linear,
}

impl Net {
    fn new(seed: u64) -> Self {
        let load = |w: &Weights| {
            Ok::<_, mlx_nn::Error>(Self {
                first: w.linear_with_bias("first", [32, 4], true)?,
                offset: w.parameter("offset", [32], |shape, key| {
                    init::normal(shape, 0.0, 1.0, Dtype::Float32, key)
                })?,
                last: w.linear_with_bias("last", [1, 32], true)?,
            })
        };
        Weights::init(Key::new(seed).unwrap()).build(load).unwrap()
    }

    fn loss(&self, (x, y): &(Array, Array)) -> Result<Array> {
        let h = (self.first.forward(x)?.tanh()? + &self.offset)?;
        (self.last.forward(&h)? - y)?.square()?.mean(..)
    }
}

fn data() -> (Array, Array) {
    let x = init::normal([16, 4], 0.0, 1.0, Dtype::Float32, &Key::new(1).unwrap()).unwrap();
    let y = x.sum(keep(1)).unwrap();
    (x, y)
}

fn bits(array: &Array) -> Vec<u8> {
    array.contiguous(false).unwrap().view(Dtype::Uint8).unwrap().to_vec().unwrap()
}

/// Plain gradient descent: what is in `gradients` moves, all else stays.
fn descend(model: &mut Net, gradients: &Parameters, rate: f32) {
    let parameters = model.parameters();
    let moved = gradients.map(|path, gradient| parameters.get(path).unwrap() - (gradient * rate)?).unwrap();
    model.update(&moved).unwrap();
    model.eval().unwrap();
}

fn assert_only_last_layer_learns(mut model: Net) {
    let (before, data) = (model.parameters(), data());
    let step = value_and_grad(|path| path.starts_with("last."), |m: &Net| m.loss(&data));
    let mut losses = Vec::new();
    for _ in 0..100 {
        let (loss, gradients) = step(&model).unwrap();
        losses.push(loss.item::<f32>().unwrap());
        descend(&mut model, &gradients, 0.01);
    }
    assert!(losses.last().unwrap() < &(0.5 * losses[0]), "{losses:?}");
    for (path, after) in model.parameters() {
        let same = bits(&after) == bits(before.get(&path).unwrap());
        assert_eq!(same, !path.starts_with("last."), "{path}");
    }
}

#[test]
fn frozen_parameters_are_bit_identical_after_a_hundred_steps() {
    assert_only_last_layer_learns(Net::new(7));
}

#[test]
fn a_frozen_quantized_layer_is_bit_identical_after_a_hundred_steps() {
    let mut model = Net::new(8);
    model.first = Linear::new(Array::ones([32, 32], Dtype::Float32).unwrap(), None);
    let scheme = Quantization::affine(4, 32);
    model.quantize(scheme, |path, _| (path == "first").then_some(scheme)).unwrap();
    let (x, y) = data();
    let data = (concatenate(&vec![x; 8], 1).unwrap(), y);
    let (before, step) = (model.parameters(), value_and_grad(|_| true, |m: &Net| m.loss(&data)));
    for _ in 0..100 {
        let (_, gradients) = step(&model).unwrap();
        assert_eq!(gradients.names().collect::<Vec<_>>(), ["last.bias", "last.weight"]);
        descend(&mut model, &gradients, 0.001);
    }
    for (path, after) in model.parameters() {
        let same = bits(&after) == bits(before.get(&path).unwrap());
        assert_eq!(same, !path.starts_with("last."), "{path}");
    }
}

#[test]
fn a_gradient_has_what_is_trainable_and_leaves_the_model_as_it_is() {
    let (model, data) = (Net::new(1), data());
    let before = model.parameters();
    let (_, gradients) = value_and_grad(|_| true, |m: &Net| m.loss(&data))(&model).unwrap();
    let names: Vec<_> = gradients.names().collect();
    assert_eq!(names, ["first.bias", "first.weight", "last.bias", "last.weight"]);
    for (path, gradient) in gradients.iter() {
        assert_eq!(gradient.shape(), before.get(path).unwrap().shape());
        assert!(gradient.abs().unwrap().max(..).unwrap().item::<f32>().unwrap() > 0.0, "{path}");
        assert_eq!(bits(model.parameters().get(path).unwrap()), bits(before.get(path).unwrap()));
    }
}

#[test]
fn the_gradient_is_the_slope_of_the_loss() {
    let (model, data) = (Net::new(2), data());
    let (_, gradients) = value_and_grad(|_| true, |m: &Net| m.loss(&data))(&model).unwrap();
    let gradient = gradients.get("last.bias").unwrap();
    let at = |shift: f32| {
        let mut moved = model.clone();
        let bias = (model.parameters().get("last.bias").unwrap() + shift).unwrap();
        moved.update(&Parameters::from_iter([("last.bias", bias)])).unwrap();
        moved.loss(&data).unwrap().item::<f32>().unwrap()
    };
    let slope = (at(0.05) - at(-0.05)) / 0.1;
    let gradient = gradient.reshape([]).unwrap().item::<f32>().unwrap();
    assert!((slope - gradient).abs() < 1e-3 * gradient.abs().max(1.0), "{slope} {gradient}");
}

#[test]
fn what_else_the_function_returns_is_passed_through() {
    let (model, data) = (Net::new(3), data());
    let f = |m: &Net| Ok((m.loss(&data)?, Net { offset: (&m.offset + 1.0)?, ..m.clone() }));
    let ((loss, next), gradients) = value_and_grad(|path| path == "last.weight", f)(&model).unwrap();
    assert_eq!(gradients.len(), 1);
    assert_eq!(loss.shape(), [0; 0]);
    let moved = (next.offset - &model.offset).unwrap().mean(..).unwrap().item::<f32>().unwrap();
    assert!((moved - 1.0).abs() < 1e-5, "{moved}");
}

#[test]
fn a_gradient_is_the_same_in_a_compiled_step() {
    let (model, data) = (Net::new(4), data());
    let trainable = |path: &str| path.starts_with("first.");
    let (loss, expected) = value_and_grad(trainable, |m: &Net| m.loss(&data))(&model).unwrap();
    let step = compile(
        move |(model, data): &(Net, (Array, Array))| value_and_grad(trainable, |m: &Net| m.loss(data))(model),
        Shapes::Exact,
    );
    let (compiled, gradients) = step(&(model, data.clone())).unwrap();
    let difference = (compiled - loss).unwrap().item::<f32>().unwrap();
    assert!(difference.abs() < 1e-6, "{difference}");
    for (path, expected) in expected.iter() {
        let difference = (gradients.get(path).unwrap() - expected).unwrap().abs().unwrap().max(..).unwrap();
        assert!(difference.item::<f32>().unwrap() < 1e-6, "{path}");
    }
}

#[test]
fn nothing_to_learn_is_an_error() {
    let (model, data) = (Net::new(5), data());
    let error = value_and_grad(|_| false, |m: &Net| m.loss(&data))(&model).unwrap_err();
    assert!(error.message().contains("no array of a floating-point type"), "{error}");
    assert!(error.at().file().ends_with("grad.rs"), "{error}");
}
