//! Tiny random rerankers against transformers.

use std::path::{Path, PathBuf};

use mlx_embed::rerank::{RankOptions, Reranker};
use mlx_hub::Source;
use mlx_testkit::{Checkpoint, Golden};

const QUERY: &str = "a b c";
const DOCUMENTS: [&str; 5] =
    ["d e f g", "a", "", "b c a d e f g h i j k l m n o p q r s t u v w x", "d e f h"];
const MODELS: [&str; 5] =
    ["bert-reranker", "distilbert-reranker", "modernbert-reranker", "qwen3-reranker", "roberta-reranker"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn load(folder: &Path) -> Result<Reranker, mlx_embed::Error> {
    Reranker::load(&Source::path(folder), None)
}

fn scores(model: &Reranker, documents: &[&str], batch_tokens: usize) -> Vec<f32> {
    let options = RankOptions { batch_tokens, ..RankOptions::default() };
    model.scores(QUERY, documents, &options).unwrap()
}

#[track_caller]
fn assert_close(name: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-5, "{name}: {found} for {expected}");
    }
}

#[test]
fn every_family_agrees_with_transformers_together_and_alone() {
    for name in MODELS {
        let model = load(&folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = Golden::open(folder(name).join("expected.safetensors")).f32("scores");
        for batch_tokens in [1, 30, 4096] {
            assert_close(name, &scores(&model, &DOCUMENTS, batch_tokens), &expected);
        }
        let turned: Vec<_> = DOCUMENTS.into_iter().rev().collect();
        let expected: Vec<_> = expected.into_iter().rev().collect();
        assert_close(name, &scores(&model, &turned, 4096), &expected);
    }
}

#[test]
fn the_best_come_first() {
    let model = load(&folder("bert-reranker")).unwrap();
    let all = scores(&model, &DOCUMENTS, 1024);
    let options = RankOptions { top_k: Some(3), ..RankOptions::default() };
    let ranked = model.rank(QUERY, &DOCUMENTS, &options).unwrap();
    assert_eq!(ranked.len(), 3);
    assert!(ranked.is_sorted_by(|a, b| a.score >= b.score));
    assert!(ranked.iter().all(|found| found.score == all[found.index]));
    assert_eq!(ranked[0].score, all.iter().copied().fold(0.0, f32::max));
    assert!(model.rank(QUERY, &[] as &[&str], &options).unwrap().is_empty());
}

#[test]
fn what_is_no_reranker_says_why() {
    let message = |checkpoint: Checkpoint| {
        let written = checkpoint.write();
        std::fs::copy(folder("bert-reranker").join("tokenizer.json"), written.path().join("tokenizer.json"))
            .unwrap();
        load(written.path()).err().unwrap().to_string()
    };
    let bert = || Checkpoint::read(folder("bert-reranker"));
    assert!(message(bert().without("classifier.weight")).contains("has no classifier: it is no reranker"));
    assert!(
        message(bert().without("classifier.weight").with("classifier.weight", &[3, 24]))
            .contains("classifier has 3 scores for a pair: a model that ranks has one")
    );
    assert!(
        message(bert().with_config("sbert_ce_default_activation_function", "torch.nn.ReLU"))
            .contains("activation_fn `torch.nn.ReLU` is not supported")
    );
    let model = load(&folder("bert-reranker")).unwrap();
    let options = RankOptions { instruction: Some("find".into()), ..RankOptions::default() };
    assert!(model.scores(QUERY, &DOCUMENTS, &options).unwrap_err().to_string().contains("no instruction"));
}
