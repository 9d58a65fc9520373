//! `mlx logits` and `mlx info` against the reference.

use mlx_testkit::{Golden, Tolerance};

use crate::program::{golden, mlx};

fn ids(golden: &Golden, name: &str) -> String {
    golden.i32(name).iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

#[test]
fn the_scores_of_a_quantized_checkpoint_equal_the_reference() {
    let model = golden("llama-4bit");
    let expected = Golden::open(format!("{model}/expected.safetensors"));
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let run = mlx(&[
        "logits",
        "--model",
        &model,
        "--tokens",
        &ids(&expected, "tokens"),
        "--continue",
        &ids(&expected, "continue"),
        "--output",
        output.to_str().unwrap(),
    ]);
    assert!(run.ok, "{}", run.err);
    let actual = Golden::open(&output);
    for name in ["prefill", "decode"] {
        expected.assert_close(name, actual.shape(name), &actual.f32(name), Tolerance::F32);
    }
}

#[test]
fn without_continued_tokens_there_is_only_prefill() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let run = mlx(&[
        "logits",
        "--model",
        &golden("llama-tied"),
        "--tokens",
        "1,2",
        "--output",
        output.to_str().unwrap(),
    ]);
    assert!(run.ok, "{}", run.err);
    assert_eq!(Golden::open(&output).names().count(), 1);
}

#[test]
fn info_tells_what_the_model_is() {
    let run = mlx(&["info", "--model", &golden("llama-4bit")]);
    assert!(run.ok, "{}", run.err);
    for expected in [
        "libmlx: 0.32.2",
        "model type: llama",
        "quantization: MLX affine 4-bit, groups of 64",
        "quantized layers: 15",
        "uint32",
    ] {
        assert!(run.out.contains(expected), "{}", run.out);
    }
}
