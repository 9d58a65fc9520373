//! The cost of choosing one token beside mlx-lm's on the same machine:
//! `MLX_PYTHON=python3 cargo bench -p mlx-lm --bench sampling`, with an interpreter that has `mlx-lm`.
//!
//! Rounds of both alternate, since a busy machine slows both.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark prints, and may stop")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use mlx_lm::Sampler;
use mlx_lm::mlx_core::random::{self, Key};
use mlx_lm::mlx_core::{Array, Device, Dtype, eval};
use mlx_lm::sampling::{Xtc, logprobs};

const ROUNDS: usize = 11;
const DRAWS: usize = 20;

fn samplers() -> [(&'static str, Sampler); 7] {
    let warm = || Sampler::default().temperature(0.8);
    let xtc = || Xtc { probability: 0.5, ..Xtc::default() };
    [
        ("greedy", Sampler::greedy()),
        ("plain", warm()),
        ("top_p", warm().top_p(0.95)),
        ("min_p", warm().min_p(0.05)),
        ("top_k", warm().top_k(40)),
        ("xtc", warm().xtc(xtc())),
        ("all", warm().top_p(0.95).min_p(0.05).top_k(40).xtc(xtc())),
    ]
}

/// The seconds of the fastest of some draws, each waited for.
fn time(sampler: &Sampler, scores: &Array) -> f64 {
    let vocab_size = scores.size();
    let mut draws = sampler.start(vocab_size).unwrap();
    let times = (0..DRAWS).map(|_| {
        let start = Instant::now();
        draws.draw(&logprobs(scores).unwrap()).unwrap().item::<u32>().unwrap();
        start.elapsed().as_secs_f64()
    });
    times.fold(f64::MAX, f64::min)
}

/// Python's side, which is asked by a line and answers by one.
struct Python {
    process: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Python {
    fn new(interpreter: &str) -> Self {
        let mut command = Command::new(interpreter);
        command.args(["-B", "-c", include_str!("sampling.py")]).arg(DRAWS.to_string());
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (questions, answers) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, questions, answers: BufReader::new(answers) }
    }

    fn time(&mut self, vocab_size: i32, sampler: &str) -> f64 {
        writeln!(self.questions, "{vocab_size} {sampler}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        line.trim().parse().unwrap()
    }

    fn end(mut self) {
        drop(self.questions);
        self.process.wait().unwrap();
    }
}

fn main() {
    let Ok(interpreter) = std::env::var("MLX_PYTHON") else {
        println!("skipped: MLX_PYTHON names no interpreter that has mlx-lm");
        return;
    };
    let mut python = Python::new(&interpreter);
    let compare = || {
        for vocab_size in [50_000, 150_000] {
            let scores = (random::normal([1, vocab_size], Dtype::Float32, &Key::new(0)?)? * 3.0)?;
            eval([&scores])?;
            for (name, sampler) in samplers() {
                let (mut ratios, mut fastest) = (Vec::new(), (f64::MAX, f64::MAX));
                for _ in 0..ROUNDS {
                    let (ours, theirs) = (time(&sampler, &scores), python.time(vocab_size, name));
                    fastest = (fastest.0.min(ours), fastest.1.min(theirs));
                    ratios.push(ours / theirs);
                }
                let (_, &mut median, _) = ratios.select_nth_unstable_by(ROUNDS / 2, f64::total_cmp);
                let (ours, theirs) = (fastest.0 * 1e6, fastest.1 * 1e6);
                println!(
                    "{vocab_size} {name}: {ours:.0} µs a token, Python {theirs:.0} µs; median ratio {median:.2}"
                );
            }
        }
        Ok(())
    };
    Device::Cpu.scope(compare).unwrap();
    python.end();
}
