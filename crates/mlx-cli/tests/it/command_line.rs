//! What all subcommands have in common: errors in one line, JSON, and what a reader or a disk does to results.

use std::fs::{self, File};
use std::io::Read;
use std::process::Stdio;

use serde_json::Value;

use crate::program::{Run, command, golden, mlx};

/// The object of a failing run's one line on stderr.
fn error(arguments: &[&str]) -> Value {
    let run = mlx(arguments);
    assert!(!run.ok && run.out.is_empty(), "{run:?}");
    assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    serde_json::from_str::<Value>(&run.err).unwrap()["error"].clone()
}

#[test]
fn with_json_a_failure_is_an_object() {
    let failed = error(&["bench", "--model", "./none", "--json"]);
    assert_eq!((&failed["command"], &failed["kind"]), (&"bench".into(), &"failed".into()), "{failed}");
    assert!(failed["message"].as_str().unwrap().contains("./none"), "{failed}");
    let usage = error(&["vad", "--json"]);
    assert_eq!((&usage["command"], &usage["kind"]), (&"vad".into(), &"usage".into()), "{usage}");
    let format = error(&["transcribe", "--model", "./none", "a.wav", "--format", "json"]);
    assert_eq!(format["kind"], "failed");
}

#[test]
fn a_command_line_that_is_none_is_one_line_with_the_way_out() {
    for (arguments, wanted) in [
        (&["bench", "--modle", "x"][..], "tip: a similar argument exists: '--model'; see `mlx bench --help`"),
        (&["bench"], "were not provided: --model <DIR|FILE.gguf|HUB_ID>; see `mlx bench --help`"),
        (&["benhc"], "see `mlx --help`"),
        (&["codec", "encode"], "see `mlx codec --help`"),
    ] {
        let run = mlx(arguments);
        assert!(!run.ok && run.out.is_empty() && run.err.contains(wanted), "{run:?}");
        assert!(run.err.starts_with("error: ") && run.err.lines().count() == 1, "{}", run.err);
    }
    assert_eq!(command(&["bench"]).output().unwrap().status.code(), Some(2));
}

#[test]
fn help_and_version_go_to_stdout() {
    for arguments in [&["--help"][..], &["--version"], &["codec", "encode", "--help"]] {
        let run = mlx(arguments);
        assert!(run.ok && !run.out.is_empty() && run.err.is_empty(), "{run:?}");
        assert!(!run.out.contains('\u{1b}'), "{}", run.out);
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_program_quietly() {
    let model = golden("llama-tied");
    let bench = ["bench", "--model", &model, "-p", "4", "-g", "2", "-n", "3000"];
    for arguments in [&bench[..], &[&bench[..], &["--json"]].concat(), &["completions", "bash"], &["--help"]]
    {
        let mut program = command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        program.stdout.take().unwrap().read_exact(&mut [0; 4]).unwrap();
        let run = Run::of(program.wait_with_output().unwrap());
        assert!(run.ok && run.err.is_empty(), "{arguments:?}: {run:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_behind_stdout_is_named() {
    let model = golden("llama-tied");
    for arguments in [
        &["info"][..],
        &["info", "--json"],
        &["doctor"],
        &["completions", "zsh"],
        &["bench", "--model", &model, "-p", "4", "-g", "2", "-n", "1"],
    ] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let run = Run::of(command(arguments).stdout(full).output().unwrap());
        assert!(!run.ok && run.err.lines().count() == 1, "{arguments:?}: {}", run.err);
        assert!(run.err.contains("standard output: No space left"), "{arguments:?}: {}", run.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_named_before_a_model_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().display().to_string();
    let missing = format!("{inside}/no/a.safetensors");
    let logits =
        |output: &str| ["logits", "--model", "none", "--tokens", "1", "--output", output].map(str::to_owned);
    let encode = |output: &str| ["encode", "--model", "none", "a.wav", "--output", output].map(str::to_owned);
    let cache = |output: &str| {
        ["cache-prompt", "--model", "none", "--prompt", "x", "--prompt-cache-file", output].map(str::to_owned)
    };
    for (output, problem) in [
        ("/dev/full", "is no file that could be replaced"),
        (&inside, "is a folder: name a file in it"),
        (&missing, "make it first"),
        ("/sys/a.safetensors", "cannot write /sys/a.safetensors: "),
    ] {
        for arguments in [logits(output).to_vec(), encode(output).to_vec(), cache(output).to_vec()] {
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let run = mlx(&arguments);
            assert!(!run.ok && run.err.contains(problem), "{arguments:?}: {}", run.err);
            assert!(run.err.contains(output) && run.err.lines().count() == 1, "{}", run.err);
        }
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_grows_too_large_goes_away() {
    let folder = tempfile::tempdir().unwrap();
    let texts = folder.path().join("texts.jsonl");
    fs::write(&texts, "\"a b c\"\n".repeat(2000)).unwrap();
    let model = format!("{}/../mlx-embed/tests/golden/bert", env!("CARGO_MANIFEST_DIR"));
    let output = folder.path().join("out.jsonl");
    let run = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_mlx")])
        .args(["embed", "--model", &model, "--file", texts.to_str().unwrap()])
        .args(["--output", output.to_str().unwrap()])
        .output()
        .unwrap();
    let run = Run::of(run);
    assert!(!run.ok && run.err.contains("out.jsonl: File too large"), "{}", run.err);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn results_are_one_object_where_json_is_asked_for() {
    let model = golden("llama-4bit");
    let info: Value = serde_json::from_str(&mlx(&["info", "--model", &model, "--json"]).out).unwrap();
    assert_eq!(info["model"]["quantized_layers"], 15, "{info}");
    assert_eq!(info["libmlx"], "0.32.2");
    let folder = tempfile::tempdir().unwrap();
    let new = folder.path().join("new").display().to_string();
    let run = mlx(&["convert", "--model", &model, "--mlx-path", &new, "-d", "--json"]);
    let converted: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(converted["bits_per_weight"].as_f64().map(|bits| bits as i32), Some(32), "{converted}");
    assert_eq!((&converted["path"], &converted["quantization"]), (&new.into(), &Value::Null));
}
