//! Perplexity against the scores of the reference, and on a novel against mlx-lm in float32.

use std::path::Path;

use mlx_core::Dtype;
use mlx_hub::Source;
use mlx_lm::{Loader, Model, Perplexity, PerplexityOptions};
use mlx_testkit::Golden;

use crate::golden::tokens;

fn tiny() -> (Model, Golden) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/llama-untied");
    let model = Loader::new(Source::path(&folder)).dtype(Dtype::Float32).load_model().unwrap();
    (model, Golden::open(folder.join("expected.safetensors")))
}

fn measure(model: &Model, text: &[u32], options: PerplexityOptions) -> Perplexity {
    Perplexity::measure(model, text, &options, |_, _| {}).unwrap()
}

/// `-ln p` of each token after the first, by the reference's scores.
fn losses(golden: &Golden, text: &[u32]) -> Vec<f64> {
    let classes = golden.shape("prefill")[1];
    let scores = golden.f32("prefill");
    let rows = scores.chunks(classes).zip(&text[1..]);
    let loss = |(row, &next): (&[f32], &u32)| {
        let row: Vec<_> = row.iter().copied().map(f64::from).collect();
        row.iter().map(|score| score.exp()).sum::<f64>().ln() - row[next as usize]
    };
    rows.map(loss).collect()
}

#[test]
fn it_is_that_of_the_reference_scores() {
    let (model, golden) = tiny();
    let text = tokens(&golden, "tokens");
    let losses = losses(&golden, &text);
    let count = losses.len() as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let variance = losses.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (count - 1.0);
    let options = PerplexityOptions { sequence_length: text.len(), ..PerplexityOptions::default() };
    let found = measure(&model, &text, options);
    let close =
        |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    close(found.value, mean.exp());
    close(found.standard_error, mean.exp() * (variance / count).sqrt());
    assert_eq!((found.tokens, found.windows), (text.len() - 1, 1));
}

#[test]
fn windows_are_cut_from_the_start_and_batches_change_nothing() {
    let (model, golden) = tiny();
    let text = tokens(&golden, "tokens").repeat(3);
    let options = PerplexityOptions { sequence_length: 7, batch_size: 1, samples: Some(5) };
    let single = measure(&model, &text, options);
    assert_eq!((single.tokens, single.windows), (30, 5));
    let mut steps = Vec::new();
    let options = PerplexityOptions { batch_size: 3, ..options };
    let batched = Perplexity::measure(&model, &text, &options, |done, all| steps.push((done, all))).unwrap();
    assert!((batched.value / single.value - 1.0).abs() < 1e-6, "{batched:?} {single:?}");
    assert_eq!(steps, [(3, 5), (5, 5)]);
    let all = measure(&model, &text, PerplexityOptions { samples: None, ..options });
    assert_eq!(all.windows, text.len() / 7);
}

#[test]
fn what_cannot_be_measured_is_refused() {
    let (model, _) = tiny();
    let refusal = |text: &[u32], options| {
        Perplexity::measure(&model, text, &options, |_, _| {}).unwrap_err().to_string()
    };
    let options = PerplexityOptions::default();
    let short = PerplexityOptions { sequence_length: 8, ..options };
    assert!(refusal(&[1; 1000], options).contains("sequence_length is 512: it must be between 2 and"));
    assert!(refusal(&[1; 7], short).contains("the text has 7 tokens and a window 8"));
    assert!(refusal(&[99; 8], short).contains("token 99 is outside the vocabulary"));
    let none = PerplexityOptions { batch_size: 0, ..short };
    assert!(refusal(&[1; 8], none).contains("batch_size is 0"));
}
