//! `mlx chat` with lines from a pipe.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::program::{golden, mlx, smollm2};

#[test]
fn each_line_is_answered_until_the_end() {
    let Some(model) = smollm2() else { return };
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlx"));
    command.args(["chat", "--model", &model, "--max-tokens", "8"]).env("HF_HUB_OFFLINE", "1");
    let mut chat =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = b"What is the capital of France?\n\nh\nr\nWhat is the capital of France?\nq\nignored\n";
    chat.stdin.take().unwrap().write_all(lines).unwrap();
    let output = chat.wait_with_output().unwrap();
    let [out, err] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(output.status.success(), "{err}");
    assert_eq!(out, "The capital of France is Paris.\n".repeat(2));
    assert_eq!(err, "q: end, r: begin anew, h: help; any other line is a message\n");
}

#[test]
fn a_model_without_a_tokenizer_is_refused() {
    let run = mlx(&["chat", "--model", &golden("llama-tied")]);
    assert!(!run.ok && run.err.contains("tokenizer.json"), "{}", run.err);
}
