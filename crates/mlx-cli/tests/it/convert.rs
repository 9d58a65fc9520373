//! `mlx convert` and `mlx quantize`.

use std::fs;
use std::path::Path;

use mlx_testkit::Golden;
use serde_json::Value;

use crate::program::{golden, mlx};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A place for a new folder.
fn target() -> (tempfile::TempDir, String) {
    let beside = tempfile::tempdir().unwrap();
    let path = beside.path().join("new").display().to_string();
    (beside, path)
}

#[test]
fn a_dequantized_checkpoint_has_the_same_scores() {
    let (_beside, new) = target();
    let model = golden("llama-4bit");
    let run = mlx(&["convert", "--model", &model, "--mlx-path", &new, "-d", "--dtype", "float32"]);
    assert!(run.ok && run.err.is_empty(), "{run:?}");
    assert!(run.out.ends_with("MB, 32.000 bits per weight\n"), "{}", run.out);
    let logits = |model: &str| {
        let output = format!("{new}.safetensors");
        let run = mlx(&["logits", "--model", model, "--tokens", "1,2,3", "--output", &output]);
        assert!(run.ok, "{}", run.err);
        Golden::open(output).f32("prefill")
    };
    assert!(mlx_testkit::relative_rms(&logits(&new), &logits(&model)) < 1e-6);
}

#[test]
fn quantizing_takes_mlx_lms_options() {
    let model = golden("qwen3-tied");
    for (options, expected) in
        [(&["--q-mode", "nvfp4"][..], [16, 4]), (&["--q-bits", "3", "--q-group-size", "32"], [32, 3])]
    {
        let (_beside, new) = target();
        let run = mlx(&[&["quantize", "--model", &model, "--mlx-path", &new], options].concat());
        assert!(run.ok, "{}", run.err);
        let quantization = &json(&Path::new(&new).join("config.json"))["quantization"];
        assert_eq!(
            [&quantization["group_size"], &quantization["bits"]],
            expected.map(Value::from).each_ref()
        );
        let also =
            mlx(&[&["convert", "-q", "--hf-path", &model, "--mlx-path", &format!("{new}2")], options]
                .concat());
        assert!(also.ok, "{}", also.err);
        let files =
            [&new, &format!("{new}2")].map(|folder| fs::read(format!("{folder}/model.safetensors")).unwrap());
        assert!(files[0] == files[1], "{options:?}");
    }
}

#[test]
fn what_cannot_be_done_is_one_line_and_leaves_no_folder() {
    let model = golden("qwen3-tied");
    for (arguments, expected) in [
        (&["convert", "--q-bits", "4"][..], "error: --q-bits is for --quantize: add it\n"),
        (&["quantize", "--q-bits", "7"], "affine 7-bit, groups of 64 is not supported: affine has 2, 3"),
        (&["quantize", "--quant-predicate", "mixed_3_6", "--q-mode", "mxfp4"], "affine only"),
        (&["quantize", "--q-group-size", "128"], "no layer is chosen and has rows in affine 4-bit"),
    ] {
        let (_beside, new) = target();
        let run = mlx(&[arguments, &["--model", &model, "--mlx-path", &new]].concat());
        assert!(!run.ok && run.err.contains(expected), "{arguments:?}: {}", run.err);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
        assert!(!Path::new(&new).exists());
    }
    let packed = mlx(&["quantize", "--model", &golden("qwen3-4bit"), "--mlx-path", "unused"]);
    assert!(packed.err.contains("quantized already"), "{}", packed.err);
}

#[test]
fn a_folder_with_something_in_it_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine"), "x").unwrap();
    let path = folder.path().display().to_string();
    let run = mlx(&["convert", "--model", &golden("qwen3-tied"), "--mlx-path", &path]);
    assert!(!run.ok && run.err.contains("is not empty"), "{}", run.err);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
