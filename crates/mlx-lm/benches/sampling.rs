//! The cost of choosing one token beside mlx-lm's on the same machine:
//! `MLX_PYTHON=python3 cargo bench -p mlx-lm --bench sampling`, with an interpreter that has `mlx-lm`.
//!
//! Rounds of both alternate, since a busy machine slows both.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may stop"
)]

use std::time::Instant;

use mlx_lm::Sampler;
use mlx_lm::mlx_core::random::{self, Key};
use mlx_lm::mlx_core::{Array, Device, Dtype, eval};
use mlx_lm::sampling::{Xtc, logprobs};
use mlx_testkit::Python;

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

fn main() {
    let program = include_str!("sampling.py");
    let Some(mut python) = Python::start(program, &[&DRAWS.to_string()]).unwrap() else { return };
    let compare = || {
        for vocab_size in [50_000, 150_000] {
            let scores = (random::normal([1, vocab_size], Dtype::Float32, &Key::new(0)?)? * 3.0)?;
            eval([&scores])?;
            for (name, sampler) in samplers() {
                let theirs = |python: &mut Python| python.ask(&format!("{vocab_size} {name}")).unwrap()[0];
                let (mut ratios, mut fastest) = (Vec::new(), (f64::MAX, f64::MAX));
                for _ in 0..ROUNDS {
                    let (ours, theirs) = (time(&sampler, &scores), theirs(&mut python));
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
}
