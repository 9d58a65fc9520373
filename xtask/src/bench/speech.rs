//! `cargo xtask bench speech`: speech to text, beside faster-whisper.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;

use super::series::{Series, alternate, rows};
use super::{cpu, document, machine, program};
use crate::{assets, golden, repo};

const PEER: &str = include_str!("speech_peer.py");

/// Whisper's sizes, and texts that are followed at once.
const MODELS: [(&str, usize); 4] =
    [("whisper-tiny.en", 1), ("whisper-tiny.en", 5), ("whisper-base", 1), ("whisper-base", 5)];

/// Measure how fast Whisper hears read sentences beside faster-whisper in float32.
///
/// Each of five recordings fills a window of its own. The first call builds `mlx` and installs the peer.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench speech                                        into docs/benchmarks.md
  cargo xtask bench speech --rounds 1 --output target/bench/speech.md")]
pub struct Options {
    /// How often each program runs.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = cpu::at_least::<1>)]
    rounds: usize,
    /// Threads of each program.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = cpu::at_least::<1>)]
    threads: usize,
    /// The program `mlx` [default: built from this repository].
    #[arg(long, value_name = "PATH")]
    mlx: Option<PathBuf>,
    /// The document that gets the table [default: docs/benchmarks.md of the repository].
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let output = options.output.clone().unwrap_or_else(|| root.join("docs/benchmarks.md"));
    let mlx = program::mlx(&root, options.mlx.as_deref())?;
    let groups = ["librivox", "whisper-base", "whisper-tiny.en"].map(str::to_owned).to_vec();
    assets::run(&assets::Options { groups })?;
    let python = golden::with_speech(&root)?;
    let folder = repo::target(&root)?.join("bench/speech");
    fs::create_dir_all(&folder)?;
    let recordings = recordings(&root.join("assets/librivox"))?;
    let mut facts = vec![("processor".to_owned(), machine::processor())];
    facts.extend(machine::load().map(|load| ("load before the first run".to_owned(), load)));
    facts.push(("threads".to_owned(), options.threads.to_string()));
    facts.push(("commit".to_owned(), cpu::commit(&root)?));
    let mut parts = Vec::new();
    for (model, beam) in MODELS {
        let work = Work { model: root.join("assets").join(model), beam, threads: options.threads };
        let programs = [
            ("mlx (this repository)", work.ours(&mlx, &recordings, &folder)),
            ("faster-whisper, float32", work.theirs(&python, &recordings)),
        ];
        parts
            .push((format!("{model}, beam {beam}"), alternate(programs, options.rounds, "times_real_time")?));
    }
    let command =
        format!("cargo xtask bench speech --rounds {} --threads {}", options.rounds, options.threads);
    let table = Table { command, date: machine::today()?, facts, rounds: options.rounds, parts };
    document::write(&output, "speech", &table)?;
    print!("{table}");
    println!("bench: written to {}", output.display());
    Ok(())
}

fn recordings(folder: &Path) -> Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let mut found: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "wav")).collect();
    found.sort();
    Ok(found)
}

/// What both programs do.
struct Work {
    model: PathBuf,
    beam: usize,
    threads: usize,
}

impl Work {
    fn ours(&self, mlx: &Path, recordings: &[PathBuf], folder: &Path) -> Command {
        let mut command = Command::new(mlx);
        command.arg("transcribe").arg("--model").arg(&self.model).args(recordings);
        command.args(["--language", "en", "--stats", "--beam-size", &self.beam.to_string()]);
        command.arg("--output-dir").arg(folder).env("MLX_NUM_THREADS", self.threads.to_string());
        command
    }

    fn theirs(&self, python: &Path, recordings: &[PathBuf]) -> Command {
        let mut command = Command::new(python);
        command.args(["-B", "-c", PEER]).arg(&self.model);
        command.args([self.beam.to_string(), self.threads.to_string()]).args(recordings);
        command.env("OMP_NUM_THREADS", self.threads.to_string());
        command
    }
}

/// The part of the document.
struct Table {
    command: String,
    date: String,
    facts: Vec<(String, String)>,
    rounds: usize,
    parts: Vec<(String, Vec<Series>)>,
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Speech to text\n\n`{}` on {}\n", self.command, self.date)?;
        for (name, value) in &self.facts {
            writeln!(f, "- {name}: {value}")?;
        }
        writeln!(
            f,
            "\nFive sentences of 25 seconds together, each a window of 30 seconds. Each program ran once in each of {} \
             rounds; loading the model is not counted, and the peer heard a sentence before. Ours computes in the \
             checkpoint's `float16`. Speeds are medians, in times real time; ratios are those within a round.\n",
            self.rounds
        )?;
        writeln!(
            f,
            "| model | program | times real time | ours / theirs | resident |\n|---|---|---:|---:|---:|"
        )?;
        for (model, series) in &self.parts {
            for row in rows(series) {
                writeln!(f, "| {model} {row}")?;
            }
        }
        Ok(())
    }
}
