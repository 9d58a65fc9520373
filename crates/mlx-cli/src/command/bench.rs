//! `mlx bench`: how fast a model reads and writes.

use std::io::Write;
use std::time::Instant;

use clap::Args;
use mlx_lm::{GenerateOptions, Model, Stats};
use mlx_memory::Peak;
use serde_json::json;

use crate::args::ModelArgs;
use crate::arithmetic::Arithmetic;
use crate::failure::Outcome;
use crate::stdout::stdout;
use crate::{cpus, progress};

/// Measure how fast a model reads a prompt and writes.
///
/// The prompt is random tokens, and ends of text are written past. A first run is not counted.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx bench --model ./model
  mlx bench --model ./model -p 2048 -g 64 -n 3 --json")]
pub(crate) struct Bench {
    #[command(flatten)]
    model: ModelArgs,
    /// Tokens of the prompt
    #[arg(long, short, value_name = "N", default_value_t = 512, value_parser = at_least_one)]
    prompt_tokens: usize,
    /// Tokens to write
    #[arg(long, short, value_name = "N", default_value_t = 128, value_parser = at_least_one)]
    generation_tokens: usize,
    /// Runs that are counted
    #[arg(long, short, value_name = "N", default_value_t = 5, value_parser = at_least_one)]
    num_trials: usize,
    /// Use this many processors at most
    #[arg(long, value_name = "T", value_parser = at_least_one)]
    threads: Option<usize>,
    /// Prompt tokens that are run together
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().prefill_step)]
    prefill_step_size: usize,
    #[command(flatten)]
    arithmetic: Arithmetic,
    /// Write JSON lines, one a run; the last one holds the means
    #[arg(long)]
    json: bool,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|&n| n > 0).ok_or_else(|| "a whole number, at least 1".to_owned())
}

/// What a run took, and means of that.
#[derive(Clone, Copy, Default)]
struct Speed {
    prompt_tps: f64,
    generation_tps: f64,
    peak_memory: f64,
}

/// Runs and prints.
pub(crate) fn run(args: &Bench) -> Outcome {
    args.threads.map_or(Ok(()), cpus::limit)?;
    let loader = args.arithmetic.loader(&args.model)?;
    let model = args.model.load(|| loader.load_model())?;
    let prompt = tokens(args.prompt_tokens, model.vocab_size());
    let mut out = stdout();
    let bar = progress::count("runs");
    bar.set_length(1 + args.num_trials as u64);
    trial(&model, &prompt, args)?;
    let mut speeds = Vec::new();
    for number in 1..=args.num_trials {
        bar.inc(1);
        let speed = trial(&model, &prompt, args)?;
        speeds.push(speed);
        bar.suspend(|| told(&mut out, number, speed, args.json))?;
    }
    bar.finish_and_clear();
    let mean = Speed::mean(&speeds);
    match args.json {
        true => writeln!(out, "{}", mean.object("trials", args.num_trials))?,
        false => writeln!(out, "mean: {mean}")?,
    }
    Ok(())
}

fn told(out: &mut impl Write, number: usize, speed: Speed, as_json: bool) -> std::io::Result<()> {
    match as_json {
        true => writeln!(out, "{}", speed.object("trial", number))?,
        false => writeln!(out, "run {number}: {speed}")?,
    }
    out.flush()
}

/// Tokens that look random and are the same each time, by Knuth's linear congruences (MMIX).
fn tokens(count: usize, vocabulary: usize) -> Vec<u32> {
    let mut state = 0_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % vocabulary.max(1) as u64) as u32
    };
    std::iter::repeat_with(next).take(count).collect()
}

fn trial(model: &Model, prompt: &[u32], args: &Bench) -> mlx_lm::Result<Speed> {
    let options = GenerateOptions {
        max_tokens: args.generation_tokens,
        prefill_step: args.prefill_step_size,
        ..GenerateOptions::default()
    };
    let (peak, started) = (Peak::start()?, Instant::now());
    let mut stream = model.generate(prompt, &options)?;
    stream.next().transpose()?;
    let first = Instant::now();
    let rest = stream.try_fold(0, |count, token| token.map(|_| count + 1))?;
    let stats = Stats {
        prompt_tokens: prompt.len(),
        prompt_time: first.duration_since(started),
        generation_tokens: 1 + rest,
        generation_time: first.elapsed(),
        peak_memory: peak.so_far()?,
        ..Stats::default()
    };
    Ok(Speed {
        prompt_tps: stats.prompt_tps(),
        generation_tps: stats.generation_tps(),
        peak_memory: stats.peak_memory.get() as f64 / 1e9,
    })
}

impl Speed {
    fn mean(speeds: &[Self]) -> Self {
        let mean = |of: fn(&Self) -> f64| speeds.iter().map(of).sum::<f64>() / speeds.len().max(1) as f64;
        Self {
            prompt_tps: mean(|speed| speed.prompt_tps),
            generation_tps: mean(|speed| speed.generation_tps),
            peak_memory: mean(|speed| speed.peak_memory),
        }
    }

    fn object(self, name: &str, number: usize) -> serde_json::Value {
        let Self { prompt_tps, generation_tps, peak_memory } = self;
        json!({
            name: number,
            "prompt_tps": prompt_tps,
            "generation_tps": generation_tps,
            "peak_memory": peak_memory,
        })
    }
}

impl std::fmt::Display for Speed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { prompt_tps, generation_tps, peak_memory } = self;
        write!(
            f,
            "prompt {prompt_tps:.1} tokens/s, generation {generation_tps:.1} tokens/s, peak memory {peak_memory:.3} GB"
        )
    }
}
