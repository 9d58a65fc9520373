//! `mlx doctor`: what is wrong, with what was made so.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Run, command, mlx, smollm2};

/// The report of a run with these variables, and whether it ended well.
fn report(arguments: &[&str], variables: &[(&str, &str)]) -> (Value, bool) {
    let mut command = command(&[&["doctor", "--json"], arguments].concat());
    for name in ["MLX_NUM_THREADS", "MLX_CPU_LEVEL", "MLX_CPU_KERNELS", "HF_HUB_OFFLINE"] {
        command.env_remove(name);
    }
    let folder = tempfile::tempdir().unwrap();
    command.env("HF_HUB_CACHE", folder.path().join("hub"));
    let run = Run::of(command.envs(variables.iter().copied()).output().unwrap());
    assert!(run.err.is_empty(), "{}", run.err);
    let report: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(report["ok"], run.ok, "{report}");
    (report, run.ok)
}

/// Whether a finding of such a severity says this; each has a way out.
fn says(report: &Value, severity: &str, what: &str) -> bool {
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().all(|finding| finding["way_out"].as_str().is_some_and(|way| way.len() > 10)));
    let mut own = findings.iter().filter(|finding| finding["severity"] == severity);
    own.any(|finding| finding["problem"].as_str().unwrap().contains(what))
}

/// A copy of a small Qwen2-VL, whose file `name` holds what `change` makes of it.
fn changed(name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mlx-vlm/tests/golden/qwen2-vl");
    for file in [
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        fs::copy(model.join(file), folder.path().join(file)).unwrap();
    }
    let path = folder.path().join(name);
    fs::write(&path, change(fs::read(&path).unwrap_or_default())).unwrap();
    folder
}

/// The report of such a copy.
fn report_of(name: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> (Value, bool) {
    let folder = changed(name, change);
    report(&["--model", folder.path().to_str().unwrap()], &[])
}

#[test]
fn facts_stand_in_sections_and_sums_are_right() {
    let (report, ok) = report(&[], &[]);
    assert!(ok, "{report}");
    assert_eq!((&report["build"]["libmlx"], &report["build"]["backend"]), (&json!("0.32.2"), &json!("CPU")));
    assert!(report["processor"]["threads"].as_u64() >= Some(1), "{report}");
    assert!(report["memory"]["total"].as_u64() >= report["memory"]["available"].as_u64(), "{report}");
    assert_eq!(report["hub_cache"]["models"], json!([]));
    for sum in ["matmul", "quantized_matmul"] {
        assert!(report["self_test"][sum].as_str().unwrap().starts_with("right, error "), "{report}");
    }
    assert_eq!(report["self_test"]["4_threads_at_once"], "the same");
    let run = mlx(&["doctor"]);
    assert!(run.ok && run.out.starts_with("build\n") && run.out.ends_with("nothing is wrong\n"), "{run:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn libraries_are_found_where_they_are_mapped_from() {
    let (report, _) = report(&[], &[]);
    let libmlx = Path::new(report["build"]["libmlx_is_at"].as_str().unwrap());
    assert!(libmlx.ends_with("libmlx.so") && libmlx.is_file(), "{report}");
}

#[test]
fn settings_that_make_it_slow_are_notes() {
    for (variable, value, problem) in [
        ("MLX_CPU_KERNELS", "0", "kernels for the CPU are turned off"),
        ("MLX_CPU_LEVEL", "baseline", "MLX_CPU_LEVEL is baseline"),
        ("MLX_CPU_LEVEL", "avx1024", "MLX_CPU_LEVEL is avx1024, which this processor does not have"),
        ("MLX_NUM_THREADS", "999", "999 threads share the work"),
        ("HF_HUB_OFFLINE", "1", "HF_HUB_OFFLINE is set"),
    ] {
        let (report, ok) = report(&[], &[(variable, value)]);
        assert!(ok && says(&report, "note", problem), "{problem}: {report}");
    }
    let (report, _) = report(&[], &[]);
    assert!(!says(&report, "note", "MLX_") && !says(&report, "note", "HF_"), "{report}");
}

#[cfg(target_os = "linux")]
#[test]
fn one_allowed_core_of_several_is_a_note() {
    if std::thread::available_parallelism().unwrap().get() == 1 {
        return;
    }
    let run = std::process::Command::new("taskset")
        .args(["-c", "0", env!("CARGO_BIN_EXE_mlx"), "doctor", "--json"])
        .output();
    let Ok(output) = run else {
        eprintln!("skipped: there is no taskset");
        return;
    };
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["processor"]["cores_allowed"], 1);
    assert!(says(&report, "note", "one of "), "{report}");
}

#[test]
fn a_cache_that_cannot_be_written_to_is_wrong_and_one_that_holds_something_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let (found, ok) = report(&[], &[("HF_HUB_CACHE", file.join("hub").to_str().unwrap())]);
    assert!(!ok && says(&found, "wrong", "cannot be written to"), "{found}");
    let blobs = folder.path().join("models--org--name/blobs");
    fs::create_dir_all(&blobs).unwrap();
    fs::write(blobs.join("a"), [0; 2048]).unwrap();
    fs::write(blobs.join("b.part"), [0; 1024]).unwrap();
    let (found, ok) = report(&[], &[("HF_HUB_CACHE", folder.path().to_str().unwrap())]);
    assert_eq!((&found["hub_cache"]["holds"], ok), (&json!(3072), true));
    assert_eq!(found["hub_cache"]["models"], json!(["org/name (3.0 KiB)"]));
    assert!(says(&found, "note", "org/name has 1 files that were not downloaded"), "{found}");
}

#[test]
fn a_whole_checkpoint_is_well_and_a_damaged_one_is_not() {
    let (found, ok) = report_of("config.json", |bytes| bytes);
    assert!(ok, "{found}");
    assert_eq!(
        (&found["model"]["type"], &found["text"]["chat_template"]),
        (&json!("qwen2_vl"), &json!(true))
    );
    assert!(found["need_of_memory"]["total"].as_u64() > Some(100_000), "{found}");
    let cut = |mut bytes: Vec<u8>| {
        bytes.truncate(bytes.len() - 10);
        bytes
    };
    let replaced = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(from, to).into_bytes()
    };
    for ((found, ok), problem) in [
        (report_of("model.safetensors", cut), "model.safetensors"),
        (report_of("model.safetensors", |_| b"x".to_vec()), "model.safetensors"),
        (report_of("config.json", cut), "config.json is not valid JSON"),
        (
            report_of("config.json", replaced("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3")),
            "layer_types has 2 entries for 3 layers",
        ),
        (report_of("tokenizer.json", cut), "tokenizer"),
        (report_of("chat_template.jinja", |_| b"{{ messages[0].no.such }}{% if %}".to_vec()), "template"),
        (
            report_of("model.safetensors.index.json", |_| {
                br#"{"weight_map": {"a": "model.safetensors", "b": "model.safetensors"}}"#.to_vec()
            }),
            "2 arrays of model.safetensors.index.json are in none of its files, such as a",
        ),
        (
            report_of("model.safetensors.index.json", |_| {
                br#"{"weight_map": {"a": "model-1.safetensors"}}"#.to_vec()
            }),
            "has no model-1.safetensors",
        ),
    ] {
        assert!(!ok && says(&found, "wrong", problem), "{problem}: {found}");
    }
}

#[test]
fn a_model_type_that_nothing_is_known_of_is_a_note() {
    let unknown = |bytes: Vec<u8>| {
        let mut config: Value = serde_json::from_slice(&bytes).unwrap();
        config["model_type"] = json!("frob");
        config.to_string().into_bytes()
    };
    let (found, ok) = report_of("config.json", unknown);
    assert!(ok && says(&found, "note", "nothing is known of the model type `frob`"), "{found}");
    assert_eq!((&found["model"]["commands"], &found["files"]["arrays"]), (&json!([]), &json!(58)));
}

#[test]
fn a_model_that_is_not_there_is_wrong() {
    let (found, ok) = report(&["--model", "./none"], &[]);
    assert!(!ok && says(&found, "wrong", "`./none` does not exist"), "{found}");
    let run = mlx(&["doctor", "--model", "./none"]);
    assert!(!run.ok && run.err.is_empty() && run.out.ends_with("something is wrong\n"), "{run:?}");
}

#[test]
fn a_gguf_file_is_checked_too() {
    let Some(model) = smollm2() else { return };
    let (found, ok) = report(&["--model", &model], &[]);
    assert!(ok, "{found}");
    assert_eq!((&found["text"]["vocabulary"], &found["model"]["type"]), (&json!(49152), &json!("llama")));
}

#[test]
fn a_model_that_needs_more_than_there_is_is_wrong() {
    let folder = changed("config.json", |_| br#"{"model_type": "whisper"}"#.to_vec());
    let header = r#"{"a":{"dtype":"F32","shape":[268435456,1024],"data_offsets":[0,1099511627776]}}"#;
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes());
    let path = folder.path().join("model.safetensors");
    fs::write(&path, &bytes).unwrap();
    // A terabyte of which nothing is stored.
    let file = fs::File::options().write(true).open(&path).unwrap();
    if let Err(error) = file.set_len(bytes.len() as u64 + (1 << 40)) {
        eprintln!("skipped: a file cannot be a terabyte long here: {error}");
        return;
    }
    let (found, ok) = report(&["--model", folder.path().to_str().unwrap()], &[]);
    assert!(!ok && says(&found, "wrong", "it needs 1.0 TiB, and "), "{found}");
}
