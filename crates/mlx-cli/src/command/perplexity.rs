//! `mlx perplexity`: how well a model foretells a text.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use mlx_lm::{Perplexity as Measured, PerplexityOptions};
use mlx_memory::Peak;
use serde_json::json;

use crate::args::ModelArgs;
use crate::arithmetic::Arithmetic;
use crate::failure::Outcome;
use crate::progress;
use crate::stdout::stdout;

/// Measure how well a model foretells a text.
///
/// The text is cut into windows of the same length, from its start. The perplexity is e to the mean of -ln p over all
/// tokens but the first of each window.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx perplexity --model ./model --data-path moby-dick.txt --num-samples 64
  mlx perplexity --model ./model-4bit --data-path moby-dick.txt --num-samples 64 --json")]
pub(crate) struct Perplexity {
    #[command(flatten)]
    model: ModelArgs,
    /// A text file; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    data_path: PathBuf,
    /// Tokens of a window
    #[arg(long, value_name = "N", default_value_t = PerplexityOptions::default().sequence_length)]
    sequence_length: usize,
    /// Windows that run together
    #[arg(long, value_name = "N", default_value_t = PerplexityOptions::default().batch_size)]
    batch_size: usize,
    /// The most windows; without it the whole text
    #[arg(long, value_name = "N")]
    num_samples: Option<usize>,
    #[command(flatten)]
    arithmetic: Arithmetic,
    /// Write one JSON object
    #[arg(long)]
    json: bool,
}

/// Measures and prints.
pub(crate) fn run(args: &Perplexity) -> Outcome {
    let text = read(&args.data_path)?;
    let loader = args.arithmetic.loader(&args.model)?;
    let model = args.model.load(|| loader.load())?;
    let tokens = model.tokenizer().encode(&text, false)?;
    let options = PerplexityOptions {
        sequence_length: args.sequence_length,
        batch_size: args.batch_size,
        samples: args.num_samples,
    };
    let (bar, peak, started) = (progress::count("windows"), Peak::start()?, Instant::now());
    let measured = Measured::measure(model.model(), &tokens, &options, |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    })?;
    bar.finish_and_clear();
    let speed = measured.tokens as f64 / started.elapsed().as_secs_f64();
    print(&measured, speed, peak.so_far()?.get() as f64 / 1e9, args.json)
}

fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let read = match path.to_str() {
        Some("-") => io::stdin().read_to_string(&mut text).map(|_| text),
        _ => fs::read_to_string(path),
    };
    read.map_err(|error| format!("{}: {error}", path.display()))
}

fn print(measured: &Measured, speed: f64, peak: f64, as_json: bool) -> Outcome {
    let Measured { value, standard_error, mean_loss, tokens, windows } = *measured;
    let mut out = stdout();
    if as_json {
        let object = json!({
            "perplexity": value,
            "standard_error": standard_error,
            "mean_loss": mean_loss,
            "tokens": tokens,
            "windows": windows,
            "tokens_per_second": speed,
            "peak_memory": peak,
        });
        writeln!(out, "{object}")?;
        return Ok(());
    }
    writeln!(out, "perplexity: {value:.4} ± {standard_error:.4}")?;
    writeln!(out, "text: {tokens} tokens in {windows} windows, {speed:.1} tokens/s")?;
    writeln!(out, "peak memory: {peak:.3} GB")?;
    Ok(())
}
