//! `mlx info --memory`: what a model needs beside what this machine has.

use serde_json::Value;

use crate::program::{golden, mlx, smollm2};

/// The JSON that a run prints.
fn object(arguments: &[&str]) -> Value {
    let run = mlx(&[&["info", "--memory", "--json"], arguments].concat());
    assert!(run.ok, "{}", run.err);
    serde_json::from_str(&run.out).unwrap()
}

#[test]
fn without_a_model_it_is_the_machine() {
    let run = mlx(&["info", "--memory"]);
    assert!(run.ok && run.out.starts_with("system ") && run.out.contains(" available"), "{run:?}");
    let machine = object(&[]);
    assert!(machine["system"]["total"].as_u64() >= machine["system"]["available"].as_u64(), "{machine}");
    assert_eq!(machine["budget"], Value::Null);
}

#[test]
fn a_model_is_a_table_beside_the_machine() {
    let run = mlx(&["info", "--model", &golden("llama-gqa"), "--memory", "--length", "100", "--batch", "2"]);
    assert!(run.ok, "{}", run.err);
    for line in ["system ", "weights ", "KV cache ", "prefill ", "total ", "fits: "] {
        assert!(run.out.lines().any(|printed| printed.starts_with(line)), "`{line}` is not in {}", run.out);
    }
}

#[test]
fn a_model_that_does_not_fit_is_told_with_the_largest_part_and_the_way_out() {
    let model = golden("llama-gqa");
    let huge = ["info", "--model", &model, "--memory", "--length", "10000000", "--batch", "10"];
    let run = mlx(&huge);
    assert!(run.ok, "{}", run.err);
    assert!(run.out.contains("does not fit: "), "{}", run.out);
    assert!(run.out.contains("the largest part is the "), "{}", run.out);
}

#[test]
fn json_has_the_parts_and_their_sum() {
    let budget = &object(&["--model", &golden("llama-gqa"), "--length", "64"])["budget"];
    let parts = budget["parts"].as_array().unwrap();
    let sum: u64 = parts.iter().map(|part| part["bytes"].as_u64().unwrap()).sum();
    assert_eq!((parts.len(), Some(sum)), (3, budget["total"].as_u64()));
    assert_eq!(budget["fits"], true);
}

#[test]
fn the_weights_are_not_loaded() {
    let Some(model) = smollm2() else { return };
    let started = std::time::Instant::now();
    let budget = &object(&["--model", &model, "--length", "2048", "--dtype", "float32"])["budget"];
    assert_eq!(budget["parts"][0]["bytes"], 115_156_224);
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
}

#[test]
fn limits_of_the_cache_make_it_smaller() {
    let model = golden("gemma4-text-4bit");
    let cache = |limits: &[&str]| {
        let budget = &object(&[&["--model", &model, "--length", "100"], limits].concat())["budget"];
        budget["parts"][1]["bytes"].as_u64().unwrap()
    };
    let bits = ["--kv-bits", "4", "--kv-group-size", "32", "--quantized-kv-start", "0"];
    assert!(cache(&bits) < cache(&[]) / 2);
    assert!(cache(&["--max-kv-size", "20"]) < cache(&[]) / 2);
    let run = mlx(&["info", "--memory", "--model", &model, "--kv-bits", "4", "--quantized-kv-start", "0"]);
    assert!(!run.ok && run.err.contains("kv_group_size"), "{}", run.err);
}

#[test]
fn settings_of_the_budget_need_the_flag() {
    for setting in ["--length", "--max-kv-size", "--kv-bits"] {
        let run = mlx(&["info", "--model", &golden("llama-gqa"), setting, "8"]);
        assert!(!run.ok && run.err.contains("--memory"), "{}", run.err);
    }
}
