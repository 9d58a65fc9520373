//! `cargo xtask bench kernels`: each kernel beside what memory and arithmetic allow.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::kernel_table::Table;
use super::{cpu, document, machine};
use crate::{process, repo};

/// Measure the kernels of mlx-cpu beside what this machine's memory and arithmetic allow, and write a table.
///
/// The bench runs some rounds, about a minute each, and every line is its best: others on the machine disturb. Let
/// nothing else run meanwhile. `cargo bench -p mlx-cpu --bench kernels -- NAME` measures some kernels only.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench kernels                                      into docs/benchmarks.md
  cargo xtask bench kernels --rounds 1 --output target/bench/kernels.md")]
pub struct Options {
    /// How often the bench runs.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = cpu::at_least::<1>)]
    rounds: usize,
    /// The document that gets the table [default: docs/benchmarks.md of the repository].
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let output = options.output.clone().unwrap_or_else(|| root.join("docs/benchmarks.md"));
    process::run(bench(&root).arg("--no-run"))?;
    let mut facts = vec![("processor".to_owned(), machine::processor())];
    facts.extend(machine::load().map(|load| ("load before the first run".to_owned(), load)));
    facts.push(("commit".to_owned(), cpu::commit(&root)?));
    let table = measured(&root, options.rounds)?;
    let command = format!("cargo xtask bench kernels --rounds {}", options.rounds);
    let part = table.part(&command, &machine::today()?, &facts);
    document::write(&output, "kernels", &part)?;
    print!("{part}");
    println!("bench: written to {}", output.display());
    Ok(())
}

fn bench(root: &Path) -> Command {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(["bench", "-p", "mlx-cpu", "--bench", "kernels"]);
    cargo
}

/// The best of some rounds.
fn measured(root: &Path, rounds: usize) -> Result<Table> {
    let bar = ProgressBar::new(rounds as u64)
        .with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} rounds of all kernels")?);
    let mut best: Option<Table> = None;
    for _ in 0..rounds {
        bar.tick();
        let table = Table::read(&process::output(bench(root).args(["--", "--json"]))?)?;
        best = Some(match best {
            Some(best) => best.better(table),
            None => table,
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    best.context("no round was asked for")
}
