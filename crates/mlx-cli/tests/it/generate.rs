//! `mlx generate` on the real model.

use serde_json::Value;

use crate::program::{golden, mlx, smollm2};

const QUESTION: &str = "What is the capital of France?";

#[test]
fn the_answer_goes_to_stdout_and_the_statistics_to_stderr() {
    let Some(model) = smollm2() else { return };
    let run = mlx(&["generate", "--model", &model, "--prompt", QUESTION]);
    assert!(run.ok, "{}", run.err);
    assert_eq!(run.out, "The capital of France is Paris.\n");
    assert!(run.err.contains("generation: 8 tokens"), "{}", run.err);
}

#[test]
fn the_last_json_line_sums_up() {
    let Some(model) = smollm2() else { return };
    let run = mlx(&["generate", "--model", &model, "--prompt", QUESTION, "--json", "--max-tokens", "3"]);
    assert!(run.ok, "{}", run.err);
    let last: Value = serde_json::from_str(run.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["text"], "The capital of");
    assert_eq!(last["tokens"].as_array().unwrap().len(), 3);
    assert_eq!(last["finish_reason"], "length");
    assert_eq!(last["prompt_tokens"], 37);
    for field in ["prompt_tps", "generation_tps", "peak_memory"] {
        assert!(last[field].as_f64().unwrap() > 0.0, "{last}");
    }
}

#[test]
fn a_raw_prompt_skips_the_chat_template_and_a_seed_repeats() {
    let Some(model) = smollm2() else { return };
    let draw = |seed: &str| {
        let prompt = ["--prompt", "Once upon a time", "--raw", "--max-tokens", "6"];
        let sampling = ["--temperature", "1.0", "--top-p", "0.95", "--seed", seed];
        mlx(&[&["generate", "--model", &model][..], &prompt, &sampling].concat()).out
    };
    assert_eq!(draw("7"), draw("7"));
    assert_ne!(draw("7"), draw("8"));
}

#[test]
fn a_cache_in_eight_bits_gives_the_answer_and_one_that_is_too_small_is_refused() {
    let Some(model) = smollm2() else { return };
    let run = |options: &[&str]| {
        mlx(&[&["generate", "--model", &model, "--prompt", QUESTION][..], options].concat())
    };
    let in_bits = run(&["--kv-bits", "8", "--kv-group-size", "32", "--quantized-kv-start", "0"]);
    assert_eq!(in_bits.out, "The capital of France is Paris.\n", "{}", in_bits.err);
    let limited = run(&["--max-kv-size", "16", "--max-tokens", "3"]);
    assert!(limited.ok, "{}", limited.err);
    let refused = run(&["--max-kv-size", "4"]);
    assert!(!refused.ok && refused.err.contains("max_kv_size is 4"), "{}", refused.err);
}

#[test]
fn log_probabilities_and_penalties_show_in_the_lines() {
    let Some(model) = smollm2() else { return };
    let lines = |options: &[&str]| {
        let prompt = ["--prompt", QUESTION, "--json", "--logprobs", "2", "--max-tokens", "1"];
        let run = mlx(&[&["generate", "--model", &model][..], &prompt, options].concat());
        assert!(run.ok, "{}", run.err);
        serde_json::from_str::<Value>(run.out.lines().next().unwrap()).unwrap()
    };
    let first = lines(&[]);
    assert_eq!(first["top_logprobs"].as_array().unwrap().len(), 2);
    assert_eq!(first["top_logprobs"][0]["token"], first["token"]);
    assert_eq!(first["top_logprobs"][0]["logprob"], first["logprob"]);
    assert!(first["logprob"].as_f64().unwrap() < 0.0);
    let banned = lines(&["--logit-bias", &format!("{{\"{}\": -1000}}", first["token"])]);
    assert_eq!(banned["token"], first["top_logprobs"][1]["token"]);
    let written = lines(&["--presence-penalty", "-1000", "--presence-context-size", "0"]);
    assert_ne!(written["token"], first["token"]);
}

#[test]
fn sampling_options_are_refused_with_their_names() {
    let Some(model) = smollm2() else { return };
    for (option, value, expected) in [
        ("--xtc-threshold", "0.7", "xtc_threshold is 0.7: must be between 0 and 0.5"),
        ("--logit-bias", "[1]", "not an object of token ids and numbers"),
        ("--logit-bias", "{\"999999\": 1}", "logit_bias is 999999"),
    ] {
        let run = mlx(&["generate", "--model", &model, "--prompt", "a", option, value]);
        assert!(!run.ok && run.err.contains(expected), "{option} {value}: {}", run.err);
    }
}

#[test]
fn a_schema_a_pattern_and_a_grammar_give_the_text_its_form() {
    let Some(model) = smollm2() else { return };
    let run = |options: &[&str]| {
        mlx(&[&["generate", "--model", &model, "--prompt", QUESTION][..], options].concat())
    };
    let schema =
        r#"{"type": "object", "properties": {"city": {"enum": ["Rome", "Paris"]}}, "required": ["city"]}"#;
    let json: Value = serde_json::from_str(&run(&["--json-schema", schema]).out).unwrap();
    assert_eq!(json["city"], "Paris");
    assert_eq!(run(&["--regex", "(Rome|Paris)!"]).out, "Paris!\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("city.lark").display().to_string();
    std::fs::write(&file, "start: \"It is \" (\"Rome\" | \"Paris\") \".\"").unwrap();
    assert_eq!(run(&["--grammar", &file]).out, "It is Paris.\n");
    let refused = run(&["--regex", "(Rome"]);
    assert!(!refused.ok && refused.err.starts_with("error: grammar: "), "{}", refused.err);
}

#[test]
fn drafted_tokens_give_the_answer_and_the_statistics_tell_of_them() {
    let Some(model) = smollm2() else { return };
    let run = |options: &[&str]| {
        mlx(&[&["generate", "--model", &model, "--prompt", QUESTION][..], options].concat())
    };
    let drafted = run(&["--draft-model", &model, "--num-draft-tokens", "2"]);
    assert_eq!(drafted.out, "The capital of France is Paris.\n", "{}", drafted.err);
    assert!(drafted.err.contains("tokens accepted (100.0 %)"), "{}", drafted.err);
    let looked_up = run(&["--prompt-lookup", "4", "--json"]);
    let last: Value = serde_json::from_str(looked_up.out.lines().last().unwrap()).unwrap();
    assert_eq!(last["text"], "The capital of France is Paris.");
    assert!(last["accepted_tokens"].as_u64().unwrap() > 0, "{last}");
    assert!(looked_up.out.contains("\"drafted\":true"), "{}", looked_up.out);
}

#[test]
fn a_draft_model_of_another_vocabulary_and_one_beside_a_lookup_are_refused() {
    let Some(model) = smollm2() else { return };
    let other = golden("llama-tied");
    let run = |options: &[&str]| {
        mlx(&[&["generate", "--model", &model, "--prompt", QUESTION][..], options].concat())
    };
    let refused = run(&["--draft-model", &other]);
    assert!(!refused.ok && refused.err.contains("a vocabulary of 40 tokens"), "{}", refused.err);
    let refused = run(&["--draft-model", &other, "--prompt-lookup", "3"]);
    assert!(!refused.ok && refused.err.contains("cannot be used with"), "{}", refused.err);
    let refused = run(&["--prompt-lookup", "0"]);
    assert!(!refused.ok && refused.err.contains("must be 1 or more"), "{}", refused.err);
}
