//! all-MiniLM-L6-v2, if it is there.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::Array;
use mlx_embed::{Embedder, Options};
use mlx_hub::Source;
use mlx_testkit::{Golden, assets};

#[test]
fn the_similarities_of_the_model_card_are_met() {
    let Some(embedder) = model() else { return };
    assert_eq!(embedder.longest(), Some(256));
    let texts = [
        "That is a happy person",
        "That is a happy dog",
        "That is a very happy person",
        "Today is a sunny day",
    ];
    let vectors = embedder.embed(&texts, &Options::default()).unwrap();
    let first = vectors.index(0).unwrap();
    let similarities: Vec<f32> = vectors.matmul(&first).unwrap().to_vec().unwrap();
    for (found, expected) in similarities.iter().zip([1.0, 0.694_6, 0.942_9, 0.256_9]) {
        assert!((found - expected).abs() < 1e-4, "{similarities:?}");
    }
}

fn model() -> Option<Embedder> {
    let path = assets::find("minilm", "model.safetensors")?;
    Some(Embedder::load(&Source::path(path.parent().unwrap()), None).unwrap())
}

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/minilm")
}

fn sentences() -> Vec<String> {
    serde_json::from_slice(&fs::read(golden().join("sentences.json")).unwrap()).unwrap()
}

fn rows(vectors: &Array) -> Vec<Vec<f32>> {
    vectors.to_vec::<f32>().unwrap().chunks(384).map(<[f32]>::to_vec).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
}

#[test]
fn twenty_sentences_have_the_vectors_of_sentence_transformers() {
    let Some(embedder) = model() else { return };
    let expected = Golden::open(golden().join("expected.safetensors")).f32("vectors");
    let found = rows(&embedder.embed(&sentences(), &Options::default()).unwrap());
    assert_eq!(found.len(), 20);
    for ((found, expected), text) in found.iter().zip(expected.chunks(384)).zip(sentences()) {
        let cosine = dot(found, expected) / (dot(found, found) * dot(expected, expected)).sqrt();
        assert!(cosine > 0.99999, "{text}: {cosine}");
        assert!((dot(found, found) - 1.0).abs() < 1e-5, "{text}");
    }
}

#[test]
fn neither_order_nor_batches_change_a_vector() {
    let Some(embedder) = model() else { return };
    let texts = sentences();
    let first = rows(&embedder.embed(&texts, &Options::default()).unwrap());
    let turned: Vec<_> = texts.iter().rev().collect();
    for batch_tokens in [1, 40, 100_000] {
        let options = Options { batch_tokens, ..Options::default() };
        let found = rows(&embedder.embed(&turned, &options).unwrap());
        for (found, first) in found.iter().rev().zip(&first) {
            let furthest = found.iter().zip(first).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(furthest < 1e-6, "{batch_tokens}: {furthest:e}");
        }
    }
}

#[test]
fn a_very_long_text_counts_up_to_the_limit() {
    let Some(embedder) = model() else { return };
    let long = "whale ".repeat(100_000);
    let texts = [long.as_str(), &"whale ".repeat(254), &"whale ".repeat(300)];
    let found = rows(&embedder.embed(&texts, &Options::default()).unwrap());
    assert!(found.iter().flatten().all(|x| x.is_finite()));
    assert_eq!(found[0], found[1]);
    assert_eq!(found[0], found[2]);
}
