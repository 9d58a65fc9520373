//! `mlx bench` and `mlx perplexity`.

use std::fs;

use serde_json::Value;

use crate::program::{golden, mlx, smollm2};

/// The lines of JSON that a run prints.
fn lines(arguments: &[&str]) -> Vec<Value> {
    let run = mlx(arguments);
    assert!(run.ok, "{}", run.err);
    run.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn the_last_json_line_holds_the_means_and_no_tokenizer_is_needed() {
    let model = golden("llama-tied");
    let bench = ["bench", "--model", &model, "-p", "20", "-g", "5", "-n", "2", "--json"];
    let lines = lines(&bench);
    assert_eq!(lines.len(), 3);
    for field in ["prompt_tps", "generation_tps", "peak_memory"] {
        let [first, second, mean] = [0, 1, 2].map(|at: usize| lines[at][field].as_f64().unwrap());
        assert!(mean > 0.0 && ((first + second) / 2.0 / mean - 1.0).abs() < 1e-9, "{lines:?}");
    }
}

#[test]
fn without_json_it_is_a_line_a_run() {
    let run = mlx(&["bench", "--model", &golden("llama-tied"), "-p", "4", "-g", "3", "-n", "1"]);
    assert!(run.ok, "{}", run.err);
    let begins: Vec<_> = run.out.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(begins, ["run", "mean:"]);
}

#[cfg(target_os = "linux")]
#[test]
fn the_processors_may_be_limited() {
    let model = golden("llama-tied");
    let bench = ["bench", "--model", &model, "-p", "4", "-g", "2", "-n", "1", "--threads"];
    let run = mlx(&[&bench[..], &["1"]].concat());
    assert!(run.ok, "{}", run.err);
    let none = mlx(&[&bench[..], &["0"]].concat());
    assert!(!none.ok && none.err.contains("at least 1"), "{}", none.err);
}

#[test]
fn a_prompt_beyond_the_context_is_refused() {
    let run = mlx(&["bench", "--model", &golden("llama-tied"), "-p", "500"]);
    assert!(!run.ok && run.err.contains("the model's context is 128"), "{}", run.err);
}

#[test]
fn perplexity_is_printed_or_one_object() {
    let Some(model) = smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.txt");
    fs::write(&text, "The quick brown fox jumps over the lazy dog. ".repeat(8)).unwrap();
    let text = text.display().to_string();
    let measure = ["perplexity", "--model", &model, "--data-path", &text, "--sequence-length", "32"];
    let object = &lines(&[&measure[..], &["--json"]].concat())[0];
    assert_eq!(object["tokens"].as_u64(), object["windows"].as_u64().map(|windows| windows * 31));
    assert!(object["perplexity"].as_f64().unwrap() < 20.0, "{object}");
    let run = mlx(&[&measure[..], &["--num-samples", "1"]].concat());
    assert!(run.ok && run.out.starts_with("perplexity: ") && run.out.contains(" in 1 windows"), "{run:?}");
}

#[test]
fn a_text_that_is_not_there_is_named() {
    let run = mlx(&["perplexity", "--model", &golden("llama-tied"), "--data-path", "no-such.txt"]);
    assert!(!run.ok && run.err.starts_with("error: no-such.txt: "), "{}", run.err);
}
