//! A convolutional network that reads handwritten digits.
//!
//! `cargo xtask assets digits`, then `cargo run --example digits_cnn -- --chart loss.png`.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use clap::Parser;
use mlx_core::random::Key;
use mlx_core::{Array, Conv};
use mlx_examples::{Batches, Digits, Result, Settings, accuracy, fit};
use mlx_nn::loss::{Reduction, cross_entropy};
use mlx_nn::optim::{AdamW, cosine_decay};
use mlx_nn::{Conv2d, Dropout, Linear, MaxPool2d, Module, Weights, relu};

/// Two convolutions, each with a pool, and a linear layer.
#[derive(Clone, Debug, Module)]
struct Cnn {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    dropout: Dropout,
    head: Linear,
}

impl Cnn {
    fn load(w: &Weights) -> mlx_nn::Result<Self> {
        let same = Conv { padding: [1, 1], ..Conv::default() };
        Ok(Self {
            conv1: Conv2d::load(&w.at("conv1"), [16, 1], [3, 3], same, true)?,
            conv2: Conv2d::load(&w.at("conv2"), [32, 16], [3, 3], same, true)?,
            pool: MaxPool2d::new(2)?,
            dropout: Dropout::new(0.3)?,
            head: w.linear_with_bias("head", [10, 2 * 2 * 32], true)?,
        })
    }

    /// `[batch, 8, 8, 1] -> [batch, 10]`; with a key as in training.
    fn forward(&self, x: &Array, key: Option<&mut Key>) -> mlx_core::Result<Array> {
        let x = self.pool.forward(&relu(&self.conv1.forward(x)?)?)?;
        let x = self.pool.forward(&relu(&self.conv2.forward(&x)?)?)?;
        self.head.forward(&self.dropout.forward(&x.flatten(1, -1)?, key)?)
    }
}

/// Reads handwritten digits with a convolutional network.
#[derive(Parser)]
pub(crate) struct Options {
    /// How often to see each digit.
    #[arg(long, value_name = "NUMBER", default_value_t = 15)]
    epochs: usize,
    #[command(flatten)]
    settings: Settings,
}

/// What became of a training.
pub(crate) struct Outcome {
    /// The loss of each step.
    pub(crate) losses: Vec<f32>,
    /// The part of the test's digits that are read right.
    pub(crate) accuracy: f32,
}

/// Trains on four fifths of the digits, and tests with the others.
pub(crate) fn train(digits: &Digits, options: &Options) -> Result<Outcome> {
    let (train, test) = digits.split();
    let (x, y) = train.arrays(&[8, 8, 1])?;
    let mut key = options.settings.key()?;
    let mut batches = Batches::new(train.count(), 64, key.next()?);
    let steps = options.epochs * batches.per_round();

    let model = Weights::init(key).build(Cnn::load)?;
    let adam = AdamW::new(cosine_decay(3e-3, steps as u32, 0.0)?);
    let batch = || {
        let indices = batches.next_batch()?;
        Ok((x.take(&indices, 0)?, y.take(&indices, 0)?))
    };
    let loss = |model: &Cnn, (x, y): &(Array, Array), key: &mut Key| {
        cross_entropy(&model.forward(x, Some(key))?, y, Reduction::Mean)
    };
    let (model, losses) = fit(model, adam, steps, batch, loss)?;

    let (x, y) = test.arrays(&[8, 8, 1])?;
    Ok(Outcome { losses, accuracy: accuracy(&model.forward(&x, None)?, &y)? })
}

fn main() -> Result<()> {
    let options = Options::parse();
    let outcome = train(&Digits::load()?, &options)?;
    println!("{}", options.settings.curve("digits cnn", &outcome.losses)?);
    println!("{:.1} % of the digits that it did not see are read right", 100.0 * outcome.accuracy);
    Ok(())
}
