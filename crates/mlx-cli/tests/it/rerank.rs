//! `mlx rerank`.

use std::path::PathBuf;

use serde_json::Value;

use crate::program::mlx;

fn model() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../mlx-embed/tests/golden/bert-reranker").display().to_string()
}

#[test]
fn texts_are_written_with_the_best_first() {
    let texts = ["--text", "d e f g", "--text", "a", "--text", "d e f h"];
    let query = ["rerank", "--model", &model(), "--query", "a b c"];
    let run = mlx(&[&query[..], &texts, &["--json", "--top-k", "2"]].concat());
    assert!(run.ok, "{}", run.err);
    let found: Vec<Value> = run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), 2);
    assert!(found[0]["score"].as_f64() >= found[1]["score"].as_f64());
    let run = mlx(&[&query[..], &texts].concat());
    let first = run.out.lines().next().unwrap();
    assert!(first.ends_with(found[0]["text"].as_str().unwrap()), "{first}");
    assert_eq!(run.out.lines().count(), 3);
}

#[test]
fn an_instruction_for_an_encoder_is_refused() {
    let query = ["rerank", "--model", &model(), "--query", "a", "--text", "b", "--instruction", "find"];
    let run = mlx(&query);
    assert!(!run.ok && run.err.contains("takes no instruction"), "{}", run.err);
}
