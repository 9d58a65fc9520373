//! `mlx cache-prompt`, and `mlx generate` that goes on from it.

use crate::program::{Run, golden, mlx, smollm2};

const BEGINNING: &str = "My name is Ishmael, and I live in France.";
const REST: &str = " What is the capital of the country I live in?";

fn cache(model: &str, file: &str, options: &[&str]) -> Run {
    let run = ["cache-prompt", "--model", model, "--prompt-cache-file", file, "--prompt", BEGINNING];
    mlx(&[&run[..], options].concat())
}

#[test]
fn a_cached_beginning_gives_the_answer_of_the_whole_prompt() {
    let Some(model) = smollm2() else { return };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache.safetensors").display().to_string();
    let cached = cache(&model, &file, &[]);
    assert!(cached.ok && cached.out.contains(" tokens, "), "{cached:?}");
    let generate = ["generate", "--model", &model, "--max-tokens", "6"];
    let whole = mlx(&[&generate[..], &["--prompt", &format!("{BEGINNING}{REST}")]].concat());
    let rest = mlx(&[&generate[..], &["--prompt-cache-file", &file, "--prompt", REST]].concat());
    assert!(rest.ok, "{}", rest.err);
    assert_eq!(rest.out, whole.out);
    let other = mlx(&["generate", "--model", &model, "--prompt-cache-file", &model, "--prompt", REST]);
    assert!(!other.ok && other.err.lines().count() == 1, "{}", other.err);
}

#[test]
fn a_model_without_a_tokenizer_is_refused_and_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cache.safetensors");
    let run = cache(&golden("llama-tied"), &file.display().to_string(), &[]);
    assert!(!run.ok && run.err.contains("tokenizer.json"), "{}", run.err);
    assert!(!file.exists());
}
