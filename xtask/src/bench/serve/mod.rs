//! `cargo xtask bench serve`: a server under load, and beside Python's.

mod load;
mod site;

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::load::{Stream, Took, percentile};
use self::site::Site;
use super::model::Model;
use super::report::{median, plain, spread};
use super::{cpu, document, machine, program};
use crate::{golden, process, repo, unpack};

/// Measure `mlx serve` under load: speed of many streams, memory, gaps while a long prompt is read; and beside
/// mlx_lm.server.
///
/// All requests go to servers on this machine, that it starts and ends itself. The first call builds `mlx` and installs
/// the peer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench serve                                        into docs/benchmarks.md
  cargo xtask bench serve --seconds 20 --rounds 1 --output target/bench/serve.md")]
pub struct Options {
    /// Streams at once.
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = cpu::at_least::<1>)]
    streams: usize,
    /// How long they are asked for.
    #[arg(long, value_name = "S", default_value_t = 120)]
    seconds: u64,
    /// How often each server runs, for the comparison.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = cpu::at_least::<1>)]
    rounds: usize,
    /// The program `mlx` [default: built from this repository].
    #[arg(long, value_name = "PATH")]
    mlx: Option<PathBuf>,
    /// The document that gets the tables [default: docs/benchmarks.md of the repository].
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Tokens of an answer.
const TOKENS: usize = 64;
/// Streams of the comparison.
const BESIDE: usize = 8;
/// Tokens of the long prompt, about: a word each.
const LONG: usize = 4000;

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let output = options.output.clone().unwrap_or_else(|| root.join("docs/benchmarks.md"));
    let mlx = program::mlx(&root, options.mlx.as_deref())?;
    let cache = repo::target(&root)?.join("bench");
    let model = Model::SmolLm2.weights(&root, &cache, &mlx)?.mlx;
    let floats = floats(&mlx, &model, &cache.join("smollm2-135m-float32"))?;
    let python = golden::ready_python(&root)?;
    let mut facts = vec![("processor".to_owned(), machine::processor())];
    facts.extend(machine::load().map(|load| ("load before the first run".to_owned(), load)));
    facts.push(("commit".to_owned(), cpu::commit(&root)?));
    println!("bench: one stream, then {} for {} s", options.streams, options.seconds);
    let crowd = Crowd::measure(&Site::ours(&mlx, &model)?, options)?;
    println!("bench: {} tokens/s together, {} alone", plain(crowd.together), plain(crowd.alone));
    println!("bench: gaps while a prompt of {LONG} words is read");
    let gaps = Gaps::measure(&Site::ours(&mlx, &model)?)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        println!("bench: {BESIDE} streams, round {} of {}", round + 1, options.rounds);
        ours.push(eight(&Site::ours(&mlx, &model)?)?);
        theirs.push(eight(&Site::mlx_lm(&python, &floats)?)?);
    }
    let command = format!(
        "cargo xtask bench serve --streams {} --seconds {} --rounds {}",
        options.streams, options.seconds, options.rounds
    );
    let table = Table { command, date: machine::today()?, facts, crowd, gaps, ours, theirs };
    document::write(&output, "serve", &table)?;
    print!("{table}");
    println!("bench: written to {}", output.display());
    Ok(())
}

/// The same weights as floats, which MLX for Python runs the fastest on a CPU.
fn floats(mlx: &Path, model: &Path, folder: &Path) -> Result<PathBuf> {
    if !unpack::is_current(folder, "1") {
        unpack::fill(folder, "1", |partial| {
            let mut convert = Command::new(mlx);
            convert.args(["convert", "--dequantize", "--dtype", "float32", "--model"]).arg(model);
            convert.arg("--mlx-path").arg(partial.join("mlx"));
            process::output(&mut convert).map(drop).context("as floats")
        })?;
    }
    Ok(folder.join("mlx"))
}

/// Many streams for a while.
struct Crowd {
    streams: usize,
    seconds: u64,
    /// Tokens a second of one stream, and of all.
    alone: f64,
    together: f64,
    requests: usize,
    failed: usize,
    /// Bytes that are resident in the ten seconds after half a minute and in the last ten, in the middle; and the most after
    /// half a minute.
    early: f64,
    late: f64,
    most: f64,
}

impl Crowd {
    fn measure(site: &Site, options: &Options) -> Result<Self> {
        load::repeat(site, 1, Duration::from_secs(3), TOKENS)?;
        let one = load::repeat(site, 1, Duration::from_secs(10.min(options.seconds)), TOKENS)?;
        let alone = load::speed(&one);
        let begun = Instant::now();
        let settled = Duration::from_secs(30.min(options.seconds / 2));
        let (all, samples) = site
            .watched(|| load::repeat(site, options.streams, Duration::from_secs(options.seconds), TOKENS))?;
        let settled: Vec<_> = samples
            .iter()
            .filter(|(at, _)| at.duration_since(begun) >= settled)
            .map(|(_, bytes)| *bytes as f64)
            .collect();
        // A sample is taken each second.
        let early = settled.get(..10.min(settled.len())).map_or(f64::NAN, median);
        let late = settled.get(settled.len().saturating_sub(10)..).map_or(f64::NAN, median);
        let most = percentile(&settled, 1.0);
        Ok(Self {
            streams: options.streams,
            seconds: options.seconds,
            alone,
            together: load::speed(&all),
            requests: all.done.len(),
            failed: all.failed,
            early,
            late,
            most,
        })
    }
}

/// Gaps between the tokens of streams, in seconds.
struct Gaps {
    /// Those before the prompt, and while it is read: the median, the 95th of 100 and the longest.
    before: [f64; 3],
    during: [f64; 3],
    /// How long the prompt took to be read.
    reading: f64,
}

impl Gaps {
    fn measure(site: &Site) -> Result<Self> {
        load::repeat(site, BESIDE, Duration::from_secs(3), TOKENS)?;
        let (streams, begun, reading) = load::beside_a_prompt(site, BESIDE, LONG)?;
        let all = |wanted: &dyn Fn(Instant) -> bool| -> [f64; 3] {
            let gaps: Vec<_> = streams.iter().flat_map(|stream| stream.gaps(wanted)).collect();
            [0.5, 0.95, 1.0].map(|share| percentile(&gaps, share))
        };
        let end = begun + reading;
        ensure!(
            streams.iter().any(|stream| stream.lasts_to(end)),
            "the streams ended before the prompt was read"
        );
        Ok(Self {
            before: all(&|at| at < begun),
            during: all(&|at| at > begun && at <= end),
            reading: reading.as_secs_f64(),
        })
    }
}

/// Tokens a second of eight streams.
fn eight(site: &Site) -> Result<f64> {
    load::repeat(site, BESIDE, Duration::from_secs(3), TOKENS)?;
    let took: Took = load::repeat(site, BESIDE, Duration::from_secs(20), TOKENS)?;
    ensure!(took.failed == 0, "{} requests failed", took.failed);
    Ok(load::speed(&took))
}

/// The part of the document.
struct Table {
    command: String,
    date: String,
    facts: Vec<(String, String)>,
    crowd: Crowd,
    gaps: Gaps,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { crowd, gaps, .. } = self;
        writeln!(f, "## A server under load\n\n`{}` on {}\n", self.command, self.date)?;
        for (name, value) in &self.facts {
            writeln!(f, "- {name}: {value}")?;
        }
        writeln!(
            f,
            "\nSmolLM2-135M-Instruct with 4 bits, answers of {TOKENS} tokens over a loopback connection, server and clients \
             on the same cores. {} streams at once for {} s: {} requests, {} failed, {} tokens/s together, {} alone, which \
             is {:.1} times as fast. Resident after 30 s: {:.0} MB; at the end: {:.0} MB; for moments: {:.0} MB.\n",
            crowd.streams,
            crowd.seconds,
            crowd.requests,
            crowd.failed,
            plain(crowd.together),
            plain(crowd.alone),
            crowd.together / crowd.alone,
            crowd.early / 1e6,
            crowd.late / 1e6,
            crowd.most / 1e6,
        )?;
        writeln!(
            f,
            "| gaps between tokens of {BESIDE} streams, ms | median | p95 | longest |\n|---|---|---|---|"
        )?;
        for (name, [middle, most, longest]) in
            [("alone", gaps.before), ("while a prompt is read", gaps.during)]
        {
            writeln!(f, "| {name} | {:.1} | {:.1} | {:.1} |", middle * 1e3, most * 1e3, longest * 1e3)?;
        }
        writeln!(f, "\nThe prompt of {LONG} words was read in {:.1} s beside them.\n", gaps.reading)?;
        let ratios: Vec<_> = self.ours.iter().zip(&self.theirs).map(|(ours, theirs)| ours / theirs).collect();
        writeln!(
            f,
            "mlx_lm.server gets the same weights as float32, which MLX for Python runs the fastest on a CPU; ours the codes \
             of 4 bits.\n"
        )?;
        writeln!(f, "| {BESIDE} streams | tokens/s | ours to theirs |\n|---|---|---|")?;
        writeln!(f, "| mlx serve | {} | - |", plain(median(&self.ours)))?;
        writeln!(f, "| mlx_lm.server, float32 | {} | {} |", plain(median(&self.theirs)), spread(&ratios))
    }
}

/// A stream's tokens, as the parts above use it.
impl Stream {
    fn gaps<'s>(&'s self, wanted: &'s dyn Fn(Instant) -> bool) -> impl Iterator<Item = f64> + 's {
        let pairs = self.tokens.iter().zip(self.tokens.iter().skip(1));
        pairs.filter(|(_, at)| wanted(**at)).map(|(before, at)| at.duration_since(*before).as_secs_f64())
    }

    fn lasts_to(&self, end: Instant) -> bool {
        self.tokens.last().is_some_and(|last| *last >= end)
    }
}
