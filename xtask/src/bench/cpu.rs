//! `cargo xtask bench cpu`: ours and its peers in turn, with the same weights, on the same processors.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::model::{Model, Weights};
use super::program::{self, Candle, LlamaCpp, MlxLm, Ours, Peer, Program, Work};
use super::report::{Measured, Report, Series};
use super::{document, machine};
use crate::archive::Refused;
use crate::{process, repo};

/// Measure prompts and generation on the CPU beside llama.cpp, candle and Python's mlx-lm, and write a table of ratios.
///
/// The first call builds `mlx`, llama.cpp and candle, installs mlx-lm, and makes the weights: about half an hour on two
/// processors. Models whose download is refused are left out, and of a model the programs that cannot run it. Let
/// nothing else run meanwhile.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask bench cpu                                          everything, into docs/benchmarks.md
  cargo xtask bench cpu qwen3-0.6b smollm2-135m --peer llama.cpp,candle
  cargo xtask bench cpu qwen3-0.6b --peer int8 --peer llama.cpp  with int8 activations, too, beside llama.cpp's
  cargo xtask bench cpu smollm2-135m --rounds 1 -p 32 -g 8 --output target/bench/try.md
  cargo xtask bench cpu --mlx ../other/target/release/mlx --output target/bench/other.md")]
pub struct Options {
    /// What to run; all of them if none is named.
    #[arg(value_name = "MODEL")]
    models: Vec<Model>,
    /// What to compare with; all of them without it.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    peer: Vec<Peer>,
    /// How often each program runs.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = at_least::<1>)]
    rounds: usize,
    /// Tokens of the prompt.
    #[arg(long, short, value_name = "N", default_value_t = 512, value_parser = at_least::<1>)]
    prompt_tokens: usize,
    /// Tokens to write.
    #[arg(long, short, value_name = "N", default_value_t = 128, value_parser = at_least::<2>)]
    generation_tokens: usize,
    /// Tokens of the prompt for mlx-lm, which needs seconds for one.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = at_least::<1>)]
    mlx_lm_prompt: usize,
    /// Tokens to write for mlx-lm.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = at_least::<2>)]
    mlx_lm_generation: usize,
    /// Threads of each program [default: one a processor].
    #[arg(long, value_name = "N", value_parser = at_least::<1>)]
    threads: Option<usize>,
    /// The program `mlx` [default: built from this repository].
    #[arg(long, value_name = "PATH")]
    mlx: Option<PathBuf>,
    /// The document that gets the table [default: docs/benchmarks.md of the repository].
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Reads a number of times.
pub fn at_least<const LEAST: usize>(text: &str) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|&count| count >= LEAST)
        .ok_or_else(|| format!("a whole number, at least {LEAST}"))
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let output = options.output.clone().unwrap_or_else(|| root.join("docs/benchmarks.md"));
    let mlx = program::mlx(&root, options.mlx.as_deref())?;
    let cache = repo::target(&root)?.join("bench");
    let programs = options.programs(&root, &cache, &mlx)?;
    let mut report = options.report(&root, &programs)?;
    for model in options.models() {
        match model.weights(&root, &cache, &mlx) {
            Ok(weights) => {
                let series = alternate(&model.name(), &weights, &programs, options.rounds)?;
                let (name, about, bytes) = (model.name(), model.about(), weights.bytes());
                report.models.push(Measured { name, about, bytes, programs: series });
            }
            Err(error) if error.is::<Refused>() => {
                eprintln!("bench: {} is left out: {error}", model.name());
                report.skipped.push((model.name(), "its download was refused".to_owned()));
            }
            Err(error) => return Err(error.context(model.name())),
        }
        document::write(&output, "cpu", &report)?;
    }
    ensure!(!report.models.is_empty(), "no model was measured");
    print!("{report}");
    println!("bench: written to {}", output.display());
    Ok(())
}

impl Options {
    fn models(&self) -> Vec<Model> {
        if self.models.is_empty() { Model::value_variants().to_vec() } else { self.models.clone() }
    }

    fn peers(&self) -> Vec<Peer> {
        if self.peer.is_empty() { Peer::value_variants().to_vec() } else { self.peer.clone() }
    }

    fn threads(&self) -> usize {
        self.threads.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from))
    }

    /// Ours, then its peers, ready to run.
    fn programs(&self, root: &Path, cache: &Path, mlx: &Path) -> Result<Vec<Box<dyn Program>>> {
        let threads = self.threads();
        let work = Work { prompt: self.prompt_tokens, generation: self.generation_tokens, threads };
        let slow = Work { prompt: self.mlx_lm_prompt, generation: self.mlx_lm_generation, threads };
        let mut programs: Vec<Box<dyn Program>> = vec![Box::new(Ours::new(mlx, work)?)];
        for peer in self.peers() {
            programs.push(match peer {
                Peer::LlamaCpp => Box::new(LlamaCpp::new(root, work)?),
                Peer::Candle => Box::new(Candle::new(root, cache, work)?),
                Peer::MlxLm => Box::new(MlxLm::new(root, slow)?),
                Peer::Int8 => Box::new(Ours::int8(mlx, work)?),
            });
        }
        Ok(programs)
    }

    /// A report without measurements.
    fn report(&self, root: &Path, programs: &[Box<dyn Program>]) -> Result<Report> {
        let mut facts = vec![("processor".to_owned(), machine::processor())];
        facts.extend(machine::load().map(|load| ("load before the first run".to_owned(), load)));
        facts.push(("threads".to_owned(), self.threads().to_string()));
        facts.extend(programs.iter().map(|one| (one.name().to_owned(), one.version().to_owned())));
        if self.mlx.is_none() {
            facts.push(("commit".to_owned(), commit(root)?));
        }
        let (date, command) = (machine::today()?, self.command());
        Ok(Report { date, command, facts, models: Vec::new(), skipped: Vec::new() })
    }

    /// The command line that measures the same, without paths of one machine.
    fn command(&self) -> String {
        let mut words: Vec<_> = "cargo xtask bench cpu".split(' ').map(str::to_owned).collect();
        words.extend(self.models.iter().map(|model| model.name()));
        words.extend(self.peer.iter().flat_map(|peer| ["--peer".to_owned(), peer.name()]));
        let numbers = [
            ("--rounds", self.rounds),
            ("-p", self.prompt_tokens),
            ("-g", self.generation_tokens),
            ("--threads", self.threads()),
        ];
        words.extend(numbers.iter().flat_map(|(name, number)| [(*name).to_owned(), number.to_string()]));
        words.join(" ")
    }
}

/// The state of the repository.
pub fn commit(root: &Path) -> Result<String> {
    let git = |arguments: &[&str]| process::output(Command::new("git").current_dir(root).args(arguments));
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.trim().is_empty();
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    Ok(format!("{}{}", commit.trim(), if changed { " with changes" } else { "" }))
}

/// Runs every program that can run the model once a round; each round begins with another one.
fn alternate(
    model: &str,
    weights: &Weights,
    programs: &[Box<dyn Program>],
    rounds: usize,
) -> Result<Vec<Series>> {
    let programs: Vec<_> = programs.iter().filter(|program| program.runs(weights)).collect();
    let mut series: Vec<_> = programs.iter().map(|program| Series::new(program.as_ref())).collect();
    let bar = ProgressBar::new((rounds * programs.len()) as u64)
        .with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} runs of {prefix}: {msg}")?)
        .with_prefix(model.to_owned());
    for round in 0..rounds {
        for place in 0..programs.len() {
            let turn = (round + place) % programs.len();
            let (Some(program), Some(own)) = (programs.get(turn), series.get_mut(turn)) else { continue };
            bar.set_message(program.name());
            bar.tick();
            let speed = program.measure(weights).with_context(|| format!("{model} by {}", program.name()))?;
            bar.suspend(|| eprintln!("{model} {}/{rounds} {}: {speed}", round + 1, program.name()));
            own.speeds.push(speed);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(series)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use clap::Parser;

    use super::super::program::Speed;
    use super::*;

    /// A program that only notes its turn, and runs quantized weights if it is told so.
    struct Noted {
        name: &'static str,
        quantized: bool,
        turns: Rc<RefCell<Vec<&'static str>>>,
    }

    impl Program for Noted {
        fn name(&self) -> &'static str {
            self.name
        }

        fn version(&self) -> &str {
            "1"
        }

        fn work(&self) -> Work {
            Work { prompt: 1, generation: 2, threads: 1 }
        }

        fn runs(&self, weights: &Weights) -> bool {
            self.quantized || !weights.quantized
        }

        fn measure(&self, _: &Weights) -> Result<Speed> {
            self.turns.borrow_mut().push(self.name);
            Ok(Speed { prompt: 1.0, generation: 1.0, resident: None })
        }
    }

    #[test]
    fn each_round_begins_with_another_program_that_can_run_the_weights() {
        let turns = Rc::new(RefCell::new(Vec::new()));
        let noted =
            |name, quantized| Box::new(Noted { name, quantized, turns: turns.clone() }) as Box<dyn Program>;
        let programs = [noted("a", true), noted("b", false), noted("c", true), noted("d", true)];
        let mut weights = Weights {
            gguf: PathBuf::new(),
            mlx: PathBuf::new(),
            architecture: "qwen3".to_owned(),
            quantized: true,
        };
        let series = alternate("m", &weights, &programs, 4).unwrap();
        assert_eq!(turns.take().concat(), "acdcdadacacd");
        assert!(series.iter().all(|one| one.program != "b" && one.speeds.len() == 4));
        weights.quantized = false;
        alternate("m", &weights, &programs, 1).unwrap();
        assert_eq!(turns.take().concat(), "abcd");
    }

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    #[test]
    fn the_command_is_given_without_paths() {
        let line =
            ["x", "smollm2-135m", "--peer", "llama.cpp", "--threads", "2", "--mlx", "/a/mlx", "-p", "9"];
        let command = Line::parse_from(line).options.command();
        assert_eq!(
            command,
            "cargo xtask bench cpu smollm2-135m --peer llama.cpp --rounds 5 -p 9 -g 128 --threads 2"
        );
    }
}
