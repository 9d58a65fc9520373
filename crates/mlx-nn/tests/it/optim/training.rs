//! Whole trainings: a loss curve, and one that is interrupted.

use mlx_core::random::{self, Key};
use mlx_core::transform::{Shapes, compile};
use mlx_core::{Array, Dtype, Result, Tree};
use mlx_nn::loss::{Reduction, cross_entropy};
use mlx_nn::optim::{AdamW, Optimizer, State, cosine_decay};
use mlx_nn::{Linear, Module, Sequential, Tanh, Weights, load_tree, save_tree, value_and_grad};

use super::{golden, parameters};
use crate::fixture;

type Model = Sequential<(Linear, Tanh, Linear)>;

/// As Python's model starts.
fn model() -> Model {
    let weights = Weights::new(parameters(&golden(), "curve.start").into(), None).at("layers");
    let layer = |name: &str, shape| weights.linear_with_bias(name, shape, true).unwrap();
    Sequential::new((layer("0", [16, 8]), Tanh, layer("2", [4, 16])))
}

/// Model and state, which a step replaces.
type Trained = (Model, State);

fn start() -> Trained {
    let model = model();
    let state = adam().init(&model.trainable(|_| true)).unwrap();
    (model, state)
}

fn adam() -> AdamW {
    let rate = cosine_decay(0.05, 50, 0.0).unwrap();
    AdamW { weight_decay: 0.1, bias_correction: true, ..AdamW::new(rate) }
}

fn step(adam: &AdamW, (model, state): &Trained, x: &Array, y: &Array) -> Result<(Array, Trained)> {
    let loss = |model: &Model| cross_entropy(&model.forward(x)?, y, Reduction::Mean);
    let (loss, gradients) = value_and_grad(|_| true, loss)(model)?;
    Ok((loss, adam.update(model, &gradients, state)?))
}

/// Trains with `step` and compares the loss of every step with Python's.
fn assert_curve(step: impl Fn(&(Trained, Array, Array)) -> Result<(Array, Trained)>) {
    let golden = golden();
    let mut trained = start();
    let expected = golden.f32("curve.losses");
    assert_eq!(expected.len(), 50);
    for (at, expected) in expected.into_iter().enumerate() {
        let [x, y] = ["curve.x", "curve.y"].map(|name| fixture::array(&golden, name));
        let (loss, next) = step(&(trained, x, y)).unwrap();
        let loss = loss.item::<f32>().unwrap();
        assert!((loss - expected).abs() <= 1e-4, "loss {loss} instead of {expected} in step {at}");
        trained = next;
    }
}

#[test]
fn the_losses_of_fifty_steps_are_those_of_python() {
    assert_curve(|(trained, x, y)| step(&adam(), trained, x, y));
}

#[test]
fn the_losses_of_fifty_compiled_steps_are_those_of_python() {
    let adam = adam();
    assert_curve(compile(
        move |(trained, x, y): &(Trained, Array, Array)| step(&adam, trained, x, y),
        Shapes::Exact,
    ));
}

/// All that a training goes on from.
#[derive(Clone, Debug, Tree)]
struct Training {
    model: Model,
    optimizer: State,
    key: Key,
}

impl Training {
    fn new() -> Self {
        let (model, optimizer) = start();
        Self { model, optimizer, key: Key::new(7).unwrap() }
    }

    /// A step on data that the key draws.
    fn step(&self) -> Result<Self> {
        let mut key = self.key.clone();
        let x = random::normal([16, 8], Dtype::Float32, &key.next()?)?;
        let y = x.index((.., 0..4))?.argmax(-1)?;
        let trained = (self.model.clone(), self.optimizer.clone());
        let (_, (model, optimizer)) = step(&adam(), &trained, &x, &y)?;
        Ok(Self { model, optimizer, key })
    }
}

fn bits(training: &Training) -> Vec<(String, Vec<u8>)> {
    let bytes = |array: &Array| match array.dtype() {
        Dtype::Float32 => array.to_vec::<f32>().unwrap().iter().flat_map(|x| x.to_ne_bytes()).collect(),
        Dtype::Uint32 => array.to_vec::<u32>().unwrap().iter().flat_map(|x| x.to_ne_bytes()).collect(),
        _ => array.to_vec::<u64>().unwrap().iter().flat_map(|x| x.to_ne_bytes()).collect(),
    };
    training.named_leaves().into_iter().map(|(name, array)| (name, bytes(array))).collect()
}

#[test]
fn an_interrupted_training_goes_on_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let after = |training: Training, steps| (0..steps).fold(training, |last, _| last.step().unwrap());
    let middle = after(Training::new(), 7);
    save_tree(&path, &middle).unwrap();
    let whole = after(middle, 8);
    let resumed = after(load_tree(&path, &Training::new()).unwrap(), 8);
    assert_eq!(bits(&resumed), bits(&whole));
    assert_ne!(bits(&resumed), bits(&after(Training::new(), 8)));
}

#[test]
fn what_is_frozen_is_the_same_after_a_hundred_steps() {
    let (adam, before) = (adam(), model());
    let is_trained = |path: &str| path == "layers.2.weight";
    let (x, y) = (fixture::array(&golden(), "curve.x"), fixture::array(&golden(), "curve.y"));
    let loss = |model: &Model| cross_entropy(&model.forward(&x)?, &y, Reduction::Mean);
    let (mut after, mut state) = (before.clone(), adam.init(&before.trainable(is_trained)).unwrap());
    for _ in 0..100 {
        let (_, gradients) = value_and_grad(is_trained, loss)(&after).unwrap();
        (after, state) = adam.update(&after, &gradients, &state).unwrap();
    }
    let (before, after) = (before.parameters(), after.parameters());
    for ((path, old), new) in before.iter().zip(after.values()) {
        assert_eq!(old.array_equal(new, false).unwrap(), !is_trained(path), "{path}");
    }
}
