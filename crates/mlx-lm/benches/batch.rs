//! Many texts at once beside mlx-lm's on the same machine:
//! `MLX_PYTHON=python3 MLX_MODEL=folder cargo bench -p mlx-lm --bench batch`, with an interpreter that has `mlx-lm`
//! and a checkpoint that both can read, such as SmolLM2-135M.
//!
//! Rounds of both alternate, since a busy machine slows both. `MLX_TOKENS` says how many tokens each text gets.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark prints, and may stop"
)]

use std::path::Path;
use std::time::Instant;

use mlx_lm::mlx_core::Device;
use mlx_lm::mlx_hub::Source;
use mlx_lm::{BatchGenerator, BatchOptions, EventKind, GenerateOptions, Loader, Model};
use mlx_testkit::Python;

const ROUNDS: usize = 3;

/// So many texts, with prompts of `shortest` tokens and more.
struct Case {
    name: &'static str,
    texts: usize,
    shortest: usize,
    /// Whether it is the prompts that are measured, and not the new tokens.
    prefill: bool,
    /// The most prompts that are run together.
    prompts: usize,
}

const CASES: [Case; 6] = [
    Case { name: "1 text", texts: 1, shortest: 16, prefill: false, prompts: 8 },
    Case { name: "4 texts", texts: 4, shortest: 16, prefill: false, prompts: 8 },
    Case { name: "16 texts", texts: 16, shortest: 16, prefill: false, prompts: 8 },
    Case { name: "8 short prompts together", texts: 8, shortest: 8, prefill: true, prompts: 8 },
    Case { name: "8 short prompts one by one", texts: 8, shortest: 8, prefill: true, prompts: 1 },
    Case { name: "8 long prompts", texts: 8, shortest: 128, prefill: true, prompts: 8 },
];

/// The prompt of a text: each is a little longer than the one before.
fn prompt(case: &Case, text: usize) -> Vec<u32> {
    let length = case.shortest + text * case.shortest / 8;
    (0..length).map(|at| ((at * 7919 + text * 104_729) % 40_000 + 100) as u32).collect()
}

/// The seconds until all texts are finished.
fn time(model: &Model, case: &Case, max_tokens: usize) -> f64 {
    let start = Instant::now();
    let options = BatchOptions { prefill_batch_size: case.prompts, ..BatchOptions::default() };
    let mut batch = BatchGenerator::new(model, options).unwrap();
    for text in 0..case.texts {
        let options = GenerateOptions { max_tokens, ..GenerateOptions::default() };
        batch.insert(prompt(case, text), options).unwrap();
    }
    let tokens = batch.filter(|event| matches!(event.kind, EventKind::New(_))).count();
    assert_eq!(tokens, case.texts * max_tokens);
    start.elapsed().as_secs_f64()
}

fn median(values: &mut [f64]) -> f64 {
    *values.select_nth_unstable_by(values.len() / 2, f64::total_cmp).1
}

fn main() {
    let Ok(folder) = std::env::var("MLX_MODEL") else {
        println!("skipped: MLX_MODEL names no folder of a checkpoint");
        return;
    };
    let new_tokens = std::env::var("MLX_TOKENS").map_or(32, |count| count.parse().unwrap());
    let Some(mut python) = Python::start(include_str!("batch.py"), &[&folder]).unwrap() else { return };
    let mut compare = || {
        let model = Loader::new(Source::path(Path::new(&folder))).load_model().unwrap();
        for case in &CASES {
            let Case { name, texts, shortest, prefill, prompts } = case;
            let max_tokens = if *prefill { 1 } else { new_tokens };
            let question = format!("{texts} {shortest} {max_tokens} {prompts}");
            let (mut ours, mut theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let (our, their) = (time(&model, case, max_tokens), python.ask(&question).unwrap()[0]);
                ours.push(our);
                theirs.push(their);
                ratios.push(their / our);
            }
            let prompt_tokens = || (0..*texts).map(|text| prompt(case, text).len()).sum();
            let tokens = if *prefill { prompt_tokens() } else { texts * max_tokens } as f64;
            let [ours, theirs] = [ours, theirs].map(|mut seconds| tokens / median(&mut seconds));
            let ratio = median(&mut ratios);
            println!("{name}: {ours:.1} tokens/s, Python {theirs:.1}; median ratio {ratio:.2}");
        }
        Ok(())
    };
    Device::Cpu.scope(&mut compare).unwrap();
}
