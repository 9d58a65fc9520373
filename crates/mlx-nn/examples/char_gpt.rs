//! A small GPT that learns to write from Moby-Dick, letter by letter.
//!
//! `cargo xtask assets moby-dick`, then `cargo run --release --example char_gpt -- --chart loss.png`.
#![allow(clippy::print_stdout, reason = "an example shows its result")]

use std::collections::BTreeSet;

use clap::Parser;
use mlx_core::fast::Mask;
use mlx_core::random::{Key, categorical, randint};
use mlx_core::{Array, Dtype};
use mlx_examples::{Result, Settings, fit, moby_dick};
use mlx_nn::loss::{Reduction, cross_entropy};
use mlx_nn::optim::{AdamW, cosine_decay, join_schedules, linear_schedule};
use mlx_nn::{Embedding, Linear, Module, TransformerEncoder, TransformerOptions, Weights};

/// Features of a letter.
const DIMS: i32 = 64;
const HEADS: i32 = 4;
const LAYERS: usize = 2;
/// How many letters the model sees at once.
const LENGTH: i32 = 32;
/// Passages in a step.
const BATCH: i32 = 16;

#[derive(Clone, Debug, Module)]
struct Gpt {
    letters: Embedding,
    positions: Embedding,
    blocks: TransformerEncoder,
    head: Linear,
}

impl Gpt {
    fn load(w: &Weights, letters: i32) -> mlx_nn::Result<Self> {
        let options = TransformerOptions::default();
        Ok(Self {
            letters: w.embedding("letters", [letters, DIMS])?,
            positions: w.embedding("positions", [LENGTH, DIMS])?,
            blocks: TransformerEncoder::load(&w.at("blocks"), LAYERS, DIMS, HEADS, options)?,
            head: w.linear("head", [letters, DIMS])?,
        })
    }

    /// How likely each letter comes next: `[batch, length] -> [batch, length, letters]`.
    fn forward(&self, ids: &Array) -> mlx_core::Result<Array> {
        let positions = self.positions.forward(&Array::arange(0..ids.dim(-1)?)?)?;
        let x = (self.letters.forward(ids)? + positions)?;
        self.head.forward(&self.blocks.forward(&x, Mask::Causal, None)?)
    }

    /// `count` letters more, each drawn from what the model expects.
    fn write(
        &self,
        ids: &mut Vec<u32>,
        count: usize,
        temperature: f32,
        key: &mut Key,
    ) -> mlx_core::Result<()> {
        for _ in 0..count {
            let seen = ids.split_at(ids.len().saturating_sub(LENGTH as usize)).1;
            let logits = self.forward(&Array::from_slice(seen, [1, seen.len() as i32])?)?;
            let scores = (logits.index((0, -1))? / temperature)?;
            ids.push(categorical(&scores, -1, &key.next()?)?.item()?);
        }
        Ok(())
    }
}

/// The letters of a text, numbered in their order.
struct Alphabet(Vec<char>);

impl Alphabet {
    fn of(text: &str) -> Self {
        Self(text.chars().collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn encode(&self, text: &str) -> Vec<u32> {
        text.chars().filter_map(|letter| self.0.binary_search(&letter).ok()).map(|id| id as u32).collect()
    }

    fn decode(&self, ids: &[u32]) -> String {
        ids.iter().filter_map(|&id| self.0.get(id as usize)).collect()
    }
}

/// Learns to write from Moby-Dick, then writes.
#[derive(Parser)]
struct Options {
    /// How many steps to learn.
    #[arg(long, value_name = "NUMBER", default_value_t = 800)]
    steps: u32,
    /// How the text that it writes begins.
    #[arg(long, value_name = "TEXT", default_value = "The whale ")]
    prompt: String,
    /// How many letters to write.
    #[arg(long, value_name = "NUMBER", default_value_t = 300)]
    letters: usize,
    /// How daring it is: near 0 it writes what is most likely.
    #[arg(long, value_name = "NUMBER", default_value_t = 0.7)]
    temperature: f32,
    #[command(flatten)]
    settings: Settings,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let text = moby_dick()?;
    let alphabet = Alphabet::of(&text);
    let ids = alphabet.encode(&text);
    let ids = Array::from_slice(&ids, [ids.len() as i32])?;
    let mut key = options.settings.key()?;

    let model = Weights::init(key.next()?).build(|w| Gpt::load(w, alphabet.0.len() as i32))?;
    let warmup = (options.steps / 10).max(1);
    let decay = cosine_decay(3e-3, options.steps.saturating_sub(warmup).max(1), 1e-4)?;
    let rate = join_schedules([linear_schedule(0.0, 3e-3, warmup)?, decay], [warmup])?;
    let batch = || passages(&ids, &key.next()?);
    let loss = |model: &Gpt, passages: &Array, _: &mut Key| {
        let logits = model.forward(&passages.index((.., ..-1))?)?;
        cross_entropy(&logits, &passages.index((.., 1..))?, Reduction::Mean)
    };
    let (model, losses) = fit(model, AdamW::new(rate), options.steps as usize, batch, loss)?;
    println!("{}", options.settings.curve("char gpt", &losses)?);

    let mut written = alphabet.encode(&options.prompt);
    model.write(&mut written, options.letters, options.temperature, &mut options.settings.key()?)?;
    println!("{}", alphabet.decode(&written));
    Ok(())
}

/// Passages from random places of the text: `[batch, length + 1]`.
fn passages(ids: &Array, key: &Key) -> mlx_core::Result<Array> {
    let starts = randint([BATCH, 1], 0, ids.dim(0)? - LENGTH, Dtype::Int32, key)?;
    ids.take(&(starts + Array::arange(0..LENGTH + 1)?)?, 0)
}
