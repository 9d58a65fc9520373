//! An autoencoder that keeps a handwritten digit in a few numbers.
//!
//! `cargo xtask assets digits`, then `cargo run --example autoencoder -- --chart loss.png`.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use clap::Parser;
use mlx_core::Array;
use mlx_core::random::Key;
use mlx_examples::{Batches, Digits, Result, Settings, fit};
use mlx_nn::loss::{Reduction, mse};
use mlx_nn::optim::{AdamW, cosine_decay};
use mlx_nn::{Linear, Module, Relu, Sequential, Sigmoid, Weights};

/// The pixels of a digit.
const PIXELS: i32 = 64;
/// Features between the pixels and the code.
const INNER: i32 = 64;
/// How many digits are shown.
const SHOWN: i32 = 6;

#[derive(Clone, Debug, Module)]
struct Autoencoder {
    encoder: Sequential<(Linear, Relu, Linear)>,
    decoder: Sequential<(Linear, Relu, Linear, Sigmoid)>,
}

impl Autoencoder {
    fn load(w: &Weights, code: i32) -> mlx_nn::Result<Self> {
        let linear = |name: &str, shape| w.linear_with_bias(name, shape, true);
        let encoder =
            (linear("encoder.layers.0", [INNER, PIXELS])?, Relu, linear("encoder.layers.2", [code, INNER])?);
        let decoder = (
            linear("decoder.layers.0", [INNER, code])?,
            Relu,
            linear("decoder.layers.2", [PIXELS, INNER])?,
            Sigmoid,
        );
        Ok(Self { encoder: Sequential::new(encoder), decoder: Sequential::new(decoder) })
    }

    /// `[batch, 64] -> [batch, 64]`, through the code.
    fn forward(&self, x: &Array) -> mlx_core::Result<Array> {
        self.decoder.forward(&self.encoder.forward(x)?)
    }
}

/// Keeps handwritten digits in a few numbers, and shows what is left of them.
#[derive(Parser)]
struct Options {
    /// How often to see each digit.
    #[arg(long, value_name = "NUMBER", default_value_t = 60)]
    epochs: usize,
    /// How many numbers keep a digit.
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    code: i32,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let (train, test) = Digits::load()?.split();
    let (x, _) = train.arrays(&[PIXELS])?;
    let mut key = options.settings.key()?;
    let mut batches = Batches::new(train.count(), 64, key.next()?);
    let steps = options.epochs * batches.per_round();

    let model = Weights::init(key).build(|w| Autoencoder::load(w, options.code))?;
    let adam = AdamW::new(cosine_decay(5e-3, steps as u32, 0.0)?);
    let batch = || x.take(&batches.next_batch()?, 0);
    let loss = |model: &Autoencoder, x: &Array, _: &mut Key| mse(&model.forward(x)?, x, Reduction::Mean);
    let (model, losses) = fit(model, adam, steps, batch, loss)?;

    let (x, _) = test.arrays(&[PIXELS])?;
    let y = model.forward(&x)?;
    println!("{}", options.settings.curve("autoencoder", &losses)?);
    let error = mse(&y, &x, Reduction::Mean)?.item::<f32>()?;
    println!(
        "digits that it did not see, and what {} numbers keep of them (error {error:.4}):",
        options.code
    );
    print!("{}\n{}", picture(&x)?, picture(&y)?);
    Ok(())
}

/// The first digits beside each other, two letters a pixel.
fn picture(digits: &Array) -> mlx_core::Result<String> {
    const SHADES: [&str; 5] = ["  ", "░░", "▒▒", "▓▓", "██"];
    let rows = digits.index(..SHOWN)?.reshape([SHOWN, 8, 8])?.transpose([1, 0, 2])?.reshape([8, -1])?;
    let pixels = rows.to_vec::<f32>()?;
    let shade = |pixel: &f32| SHADES.get((pixel * 4.99) as usize).copied().unwrap_or_default();
    let line = |row: &[f32]| row.iter().map(shade).collect::<String>() + "\n";
    Ok(pixels.chunks(8 * SHOWN as usize).map(line).collect())
}
