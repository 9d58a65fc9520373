//! Every failure is one line on stderr that names the thing, and nothing is left behind.

use std::fs;

use crate::program::{golden, mlx};

/// The one line that a failing run prints.
fn failure(arguments: &[&str]) -> String {
    let run = mlx(arguments);
    assert!(!run.ok && run.out.is_empty(), "{run:?}");
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    run.err
}

#[test]
fn a_model_that_is_not_there_is_named() {
    let line = failure(&["generate", "--model", "./no/such/model", "--prompt", "x"]);
    assert!(line.starts_with("error: ") && line.contains("./no/such/model"), "{line}");
}

#[test]
fn a_hub_model_that_is_not_cached_says_how_to_get_it() {
    let cache = tempfile::tempdir().unwrap();
    let folder = cache.path().display().to_string();
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_mlx"))
        .args(["generate", "--model", "org/name", "--prompt", "x", "--offline"])
        .env("HF_HOME", &folder)
        .output()
        .unwrap();
    let line = String::from_utf8(run.stderr).unwrap();
    assert!(line.contains("org/name") && line.contains("offline"), "{line}");
}

#[test]
fn a_checkpoint_without_a_tokenizer_names_the_file() {
    let line = failure(&["generate", "--model", &golden("llama-tied"), "--prompt", "x"]);
    assert!(line.contains("tokenizer.json"), "{line}");
}

#[test]
fn a_checkpoint_of_an_unknown_kind_is_named_without_places_in_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().display().to_string();
    fs::write(folder.path().join("config.json"), r#"{"model_type": "frob"}"#).unwrap();
    fs::write(folder.path().join("model.safetensors"), b"\x02\0\0\0\0\0\0\0{}").unwrap();
    let line = failure(&["bench", "--model", &model]);
    assert!(line.contains(&format!("{model}: model type `frob` is not supported (known: ")), "{line}");
    fs::write(folder.path().join("model.safetensors"), b"x").unwrap();
    let line = failure(&["bench", "--model", &model]);
    assert!(line.contains("model.safetensors") && !line.contains(".rs:"), "{line}");
}

#[test]
fn a_token_outside_the_vocabulary_leaves_no_output_file() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors").display().to_string();
    let model = golden("llama-tied");
    let line = failure(&["logits", "--model", &model, "--tokens", "1,999999", "--output", &output]);
    assert!(line.contains("999999"), "{line}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn an_output_folder_that_is_not_there_is_named() {
    let model = golden("llama-tied");
    let line =
        failure(&["logits", "--model", &model, "--tokens", "1", "--output", "/no/such/folder/f.safetensors"]);
    assert!(line.contains("/no/such/folder"), "{line}");
}

#[test]
fn a_damaged_gguf_file_is_named_with_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    for bytes in [
        &b""[..],
        b"GGUF",
        b"GGML\x03\0\0\0",
        b"GGUF\x03\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\0\0",
    ] {
        fs::write(&path, bytes).unwrap();
        let line = failure(&["info", "--model", path.to_str().unwrap()]);
        assert!(line.contains("model.gguf"), "{line}");
    }
}

#[test]
fn a_dtype_that_does_not_exist_is_refused_with_the_ones_that_do() {
    let run = mlx(&["logits", "--model", "x", "--tokens", "1", "--output", "y", "--dtype", "float31"]);
    assert!(!run.ok && run.err.contains("bfloat16"), "{}", run.err);
}
