//! What is trained, and what is not.

use mlx_core::random::{self, Key};
use mlx_core::{Array, Closeness, Dtype, Quantization, Result};
use mlx_nn::lora::{self, Options};
use mlx_nn::optim::{Optimizer, Sgd};
use mlx_nn::{Linear, Mlp, Module, Weights, value_and_grad};

use super::{Tiny, values, with};

fn paths(model: &Tiny) -> Vec<String> {
    model.parameters().names().map(str::to_owned).collect()
}

fn tiny() -> Tiny {
    Weights::init(Key::new(5).unwrap()).build(Tiny::load).unwrap()
}

#[test]
fn adapters_go_where_the_predicate_says() {
    let mut model = tiny();
    let before = paths(&model);
    let accepts = |path: &str| path.starts_with("layers.1") || path == "embed_tokens";
    let adapted = lora::attach(&mut model, &Options::default(), accepts, &Key::new(0).unwrap()).unwrap();
    assert_eq!(adapted, ["embed_tokens", "layers.1.up", "layers.1.down"]);
    let added: Vec<_> = paths(&model).into_iter().filter(|path| lora::is_parameter(path)).collect();
    let expected = ["embed_tokens", "layers.1.down", "layers.1.up"]
        .map(|path| [format!("{path}.lora_a"), format!("{path}.lora_b")]);
    assert_eq!(added, expected.concat());
    lora::detach(&mut model).unwrap();
    assert_eq!(paths(&model), before);
}

#[test]
fn options_without_sense_and_predicates_without_a_layer_are_refused() {
    let refused = |options: &Options| {
        lora::attach(&mut tiny(), options, |_| true, &Key::new(0).unwrap()).unwrap_err().to_string()
    };
    assert_eq!(refused(&Options { rank: 0, ..Options::default() }), "rank: 0 is not a positive number");
    let dropout = Options { dropout: 1.0, ..Options::default() };
    assert_eq!(refused(&dropout), "dropout: 1 is not a probability of at least 0 and less than 1");
    let scale = Options { scale: f32::NAN, ..Options::default() };
    assert_eq!(refused(&scale), "scale: NaN is not a number to multiply by");
    let none = lora::attach(&mut tiny(), &Options::default(), |_| false, &Key::new(0).unwrap()).unwrap_err();
    let known = "embed_tokens, layers.0.up, layers.0.down, layers.1.up, layers.1.down, layers.2.up, layers.2.down, head";
    assert_eq!(none.to_string(), format!("layers: none is accepted, of {known}"));
}

#[test]
fn what_is_under_adapters_is_the_same_to_the_bit_after_a_hundred_steps() {
    for magnitudes in [false, true] {
        let mut model = tiny();
        let options = Options { rank: 2, scale: 2.0, magnitudes, ..Options::default() };
        lora::attach(&mut model, &options, |path| path != "head", &Key::new(1).unwrap()).unwrap();
        let frozen = values(&model, |path| !lora::is_parameter(path));
        let (first, last, trained) = train(&model, 100);
        assert!(last < 0.9 * first, "{first} {last}");
        assert_eq!(values(&trained, |path| !lora::is_parameter(path)), frozen);
        let moved = values(&model, lora::is_parameter).into_iter().zip(values(&trained, lora::is_parameter));
        assert!(moved.into_iter().all(|(before, after)| before != after));
        lora::detach(&mut model).unwrap();
        assert_eq!(values(&model, |_| true), values(&tiny(), |_| true));
    }
}

#[test]
fn packed_elements_under_adapters_are_the_same_after_a_hundred_steps() {
    let mut model = Weights::init(Key::new(2).unwrap()).build(|w| Mlp::load(w, 64, 96, true)).unwrap();
    let scheme = Quantization::affine(4, 32);
    model.quantize(scheme, |_, _| Some(scheme)).unwrap();
    let options = Options { rank: 2, scale: 2.0, magnitudes: true, ..Options::default() };
    lora::attach(&mut model, &options, |_| true, &Key::new(1).unwrap()).unwrap();
    let frozen = values(&model, |path| !lora::is_parameter(path));
    let x = random::normal([8, 64], Dtype::Float32, &Key::new(3).unwrap()).unwrap();
    let (first, last, trained) = descend(&model, |m| (m.forward(&x)? - &x)?.square()?.mean(..), 100);
    assert!(last < 0.95 * first, "{first} {last}");
    assert_eq!(values(&trained, |path| !lora::is_parameter(path)), frozen);
    assert_eq!(frozen.iter().filter(|(path, _)| path.ends_with("scales")).count(), 3);
}

/// The first and the last loss, and the model after `steps` of gradient descent on the adapters.
fn train(model: &Tiny, steps: usize) -> (f32, f32, Tiny) {
    let ids = Array::from([[1_u32, 2, 3, 4], [5, 6, 7, 8]]);
    let target = Array::from([[2_u32, 3, 4, 5], [6, 7, 8, 9]]);
    descend(model, |m| mlx_core::fast::cross_entropy(&m.forward(&ids)?, &target)?.mean(..), steps)
}

fn descend<M: Module + Clone>(model: &M, loss: impl Fn(&M) -> Result<Array>, steps: usize) -> (f32, f32, M) {
    let (mut model, sgd) = (model.clone(), Sgd::new(0.1));
    let mut state = sgd.init(&model.trainable(lora::is_parameter)).unwrap();
    let step = value_and_grad(lora::is_parameter, loss);
    let mut losses = Vec::new();
    for _ in 0..steps {
        let (value, gradients) = step(&model).unwrap();
        losses.push(value.item::<f32>().unwrap());
        (model, state) = sgd.update(&model, &gradients, &state).unwrap();
        model.eval().unwrap();
    }
    (losses[0], losses[steps - 1], model)
}

#[test]
fn elements_are_dropped_by_the_key_and_only_with_one() {
    let mut layer = Linear::new(Array::zeros([4, 1000], Dtype::Float32).unwrap(), None);
    let options = Options { rank: 1, scale: 1.0, dropout: 0.25, magnitudes: false };
    lora::attach(&mut layer, &options, |_| true, &Key::new(0).unwrap()).unwrap();
    let layer = with(&layer, |path| match path {
        "lora_a" => Some(Array::full([1000, 1], 0.001, Dtype::Float32).unwrap()),
        "lora_b" => Some(Array::ones([1, 4], Dtype::Float32).unwrap()),
        _ => None,
    });
    let x = Array::ones([64, 1000], Dtype::Float32).unwrap();
    let forward = |layer: &Linear| layer.forward(&x).unwrap();
    assert!(forward(&layer).allclose(1.0, Closeness::default()).unwrap());
    let dropped = |seed| forward(&lora::with_dropout(&layer, &Key::new(seed).unwrap()).unwrap());
    assert!(dropped(1).array_equal(&dropped(1), false).unwrap());
    assert!(!dropped(1).array_equal(&dropped(2), false).unwrap());
    let mean = dropped(1).mean(..).unwrap().item::<f32>().unwrap();
    let deviation = dropped(1).index((.., 0)).unwrap().std(.., 0).unwrap().item::<f32>().unwrap();
    assert!((mean - 1.0).abs() < 0.01, "{mean}");
    // A mean of 1000 kept by 0.75: √(0.25 / 0.75 / 1000).
    assert!((deviation / 0.018_26 - 1.0).abs() < 0.3, "{deviation}");
}
