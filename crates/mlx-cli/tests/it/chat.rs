//! `mlx chat` with lines from a pipe.

use crate::program::{golden, mlx, mlx_with_input, smollm2};

#[test]
fn each_line_is_answered_until_the_end() {
    let Some(model) = smollm2() else { return };
    let lines = "What is the capital of France?\n\nh\nr\nWhat is the capital of France?\nq\nignored\n";
    let run = mlx_with_input(&["chat", "--model", &model, "--max-tokens", "8"], lines);
    assert!(run.ok, "{}", run.err);
    assert_eq!(run.out, "The capital of France is Paris.\n".repeat(2));
    let help = "q: end, r: begin anew, i IMAGE: show an image, h: help; any other line is a message\n";
    assert_eq!(run.err, help);
}

#[test]
fn a_model_without_a_tokenizer_is_refused() {
    let run = mlx(&["chat", "--model", &golden("llama-tied")]);
    assert!(!run.ok && run.err.contains("tokenizer.json"), "{}", run.err);
}
