//! Three linear layers that read handwritten digits.
//!
//! `cargo xtask assets digits`, then `cargo run --example digits_mlp -- --chart loss.png`.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use clap::Parser;
use mlx_core::Array;
use mlx_core::random::Key;
use mlx_examples::{Batches, Digits, Result, Settings, accuracy, fit};
use mlx_nn::loss::{Reduction, cross_entropy};
use mlx_nn::optim::AdamW;
use mlx_nn::{Linear, Relu, Sequential, Weights};

/// `[batch, 64] -> [batch, 10]`.
type Mlp = Sequential<(Linear, Relu, Linear, Relu, Linear)>;

fn load(w: &Weights) -> mlx_nn::Result<Mlp> {
    let linear = |name: &str, shape| w.at("layers").linear_with_bias(name, shape, true);
    let layers = (linear("0", [64, 64])?, Relu, linear("2", [64, 64])?, Relu, linear("4", [10, 64])?);
    Ok(Sequential::new(layers))
}

/// Reads handwritten digits with linear layers.
#[derive(Parser)]
struct Options {
    /// How often to see each digit.
    #[arg(long, value_name = "NUMBER", default_value_t = 30)]
    epochs: usize,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (train, test) = Digits::load()?.split();
    let (x, y) = train.arrays(&[64])?;
    let mut key = options.settings.key()?;
    let mut batches = Batches::new(train.count(), 64, key.next()?);
    let steps = options.epochs * batches.per_round();

    let batch = || {
        let indices = batches.next_batch()?;
        Ok((x.take(&indices, 0)?, y.take(&indices, 0)?))
    };
    let loss = |model: &Mlp, (x, y): &(Array, Array), _: &mut Key| {
        cross_entropy(&model.forward(x)?, y, Reduction::Mean)
    };
    let (model, losses) = fit(Weights::init(key).build(load)?, AdamW::new(3e-3), steps, batch, loss)?;

    let (x, y) = test.arrays(&[64])?;
    println!("{}", options.settings.curve("digits mlp", &losses)?);
    let right = accuracy(&model.forward(&x)?, &y)?;
    println!("{:.1} % of the digits that it did not see are read right", 100.0 * right);
    Ok(())
}
