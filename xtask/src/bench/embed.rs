//! `cargo xtask bench embed`: vectors of sentences, beside sentence-transformers and onnxruntime.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::Value;

use super::series::{Series, alternate, rows};
use super::{cpu, document, machine, program};
use crate::{assets, golden, repo};

const PEER: &str = include_str!("embed_peer.py");

/// Measure how many sentences a second all-MiniLM-L6-v2 embeds beside sentence-transformers and onnxruntime.
///
/// The sentences are those of Moby-Dick, one after the other from its first chapter, and each program runs once a round.
/// The first call builds `mlx` and installs the peers.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench embed                                        into docs/benchmarks.md
  cargo xtask bench embed --rounds 1 --output target/bench/embed.md")]
pub struct Options {
    /// How often each program runs.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = cpu::at_least::<1>)]
    rounds: usize,
    /// How many sentences.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = cpu::at_least::<64>)]
    sentences: usize,
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
    let groups = ["minilm", "moby-dick"].map(str::to_owned).to_vec();
    assets::run(&assets::Options { groups })?;
    let folder = repo::target(&root)?.join("bench");
    fs::create_dir_all(&folder)?;
    let texts = folder.join("sentences.jsonl");
    write_sentences(&root.join("assets/moby-dick"), &texts, options.sentences)?;
    let model = root.join("assets/minilm");
    let mut facts = vec![("processor".to_owned(), machine::processor())];
    facts.extend(machine::load().map(|load| ("load before the first run".to_owned(), load)));
    facts.push(("threads".to_owned(), options.threads.to_string()));
    facts.push(("commit".to_owned(), cpu::commit(&root)?));
    let peers = golden::with_torch(&root)?;
    let programs = [
        ("mlx (this repository)", ours(&mlx, &model, &texts, options.threads)),
        ("sentence-transformers", peer(&peers, "sentence-transformers", &model, &texts, options.threads)),
        ("onnxruntime", peer(&peers, "onnxruntime", &model, &texts, options.threads)),
    ];
    let series = alternate(programs, options.rounds, "texts_per_second")?;
    let weights = fs::metadata(model.join("model.safetensors"))?.len();
    let command = format!(
        "cargo xtask bench embed --rounds {} --sentences {} --threads {}",
        options.rounds, options.sentences, options.threads
    );
    let table = Table { command, date: machine::today()?, facts, rounds: options.rounds, weights, series };
    document::write(&output, "embed", &table)?;
    print!("{table}");
    println!("bench: written to {}", output.display());
    Ok(())
}

/// Sentences of a book in a folder, each a line of JSON.
fn write_sentences(book: &Path, to: &Path, count: usize) -> Result<()> {
    let file = fs::read_dir(book)?.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.is_file());
    let text = fs::read(file.with_context(|| format!("{} is empty", book.display()))?)?;
    let text = String::from_utf8_lossy(&text);
    let found = sentences(&text, count);
    ensure!(found.len() == count, "the book has {} sentences only", found.len());
    let lines: Vec<_> = found.iter().map(|sentence| Value::from(sentence.as_str()).to_string()).collect();
    Ok(fs::write(to, lines.join("\n"))?)
}

/// Sentences of 10 to 400 bytes from where the first chapter begins.
fn sentences(text: &str, count: usize) -> Vec<String> {
    let start = text.find("Call me Ishmael").unwrap_or(0);
    let words = text.get(start..).unwrap_or_default().split_whitespace();
    let (mut all, mut sentence) = (Vec::new(), String::new());
    for word in words {
        if !sentence.is_empty() {
            sentence.push(' ');
        }
        sentence.push_str(word);
        if word.ends_with(['.', '!', '?']) {
            let whole = std::mem::take(&mut sentence);
            if (10..400).contains(&whole.len()) {
                all.push(whole);
            }
            if all.len() == count {
                break;
            }
        }
    }
    all
}

fn ours(mlx: &Path, model: &Path, texts: &Path, threads: usize) -> Command {
    let mut command = Command::new(mlx);
    command.arg("embed").arg("--model").arg(model).arg("--file").arg(texts).arg("--json");
    command.arg("--output").arg(texts.with_extension("safetensors"));
    command.env("MLX_NUM_THREADS", threads.to_string());
    command
}

fn peer(python: &Path, name: &str, model: &Path, texts: &Path, threads: usize) -> Command {
    let mut command = Command::new(python);
    command.args(["-B", "-c", PEER, name]).arg(model).arg(texts).arg(threads.to_string());
    command
}

/// The part of the document.
struct Table {
    command: String,
    date: String,
    facts: Vec<(String, String)>,
    rounds: usize,
    weights: u64,
    series: Vec<Series>,
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "## Vectors of sentences\n\n`{}` on {}\n", self.command, self.date)?;
        for (name, value) in &self.facts {
            writeln!(f, "- {name}: {value}")?;
        }
        writeln!(
            f,
            "\nall-MiniLM-L6-v2 in float32, {} MB, on sentences of Moby-Dick. Each program ran once in each of {} \
             rounds; its own start is not counted, the tokenizer is. Speeds are medians, ratios those within a round.\n",
            self.weights / 1_000_000,
            self.rounds
        )?;
        writeln!(f, "| program | sentences a second | ours / theirs | resident |\n|---|---:|---:|---:|")?;
        rows(&self.series).try_for_each(|row| writeln!(f, "{row}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_becomes_sentences_of_some_length() {
        let text = "Title. Call me Ishmael. Some years\nago, never mind. No! It is a way I have of it? end";
        assert_eq!(
            sentences(text, 9),
            ["Call me Ishmael.", "Some years ago, never mind.", "It is a way I have of it?"]
        );
        assert_eq!(sentences(text, 1).len(), 1);
    }

    #[test]
    fn the_table_has_ratios_within_rounds() {
        let series =
            |program, speeds: &[f64]| Series { program, speeds: speeds.to_vec(), resident: 5_000_000 };
        let table = Table {
            command: "bench".into(),
            date: "today".into(),
            facts: vec![("threads".into(), "2".into())],
            rounds: 2,
            weights: 90_000_000,
            series: vec![series("ours", &[100.0, 300.0]), series("peer", &[50.0, 100.0])],
        };
        let text = table.to_string();
        assert!(text.contains("| ours | 200 | - | 5 MB |\n"), "{text}");
        assert!(text.contains("| peer | 75.0 | **2.50x** (2.00x to 3.00x) | 5 MB |\n"), "{text}");
    }
}
