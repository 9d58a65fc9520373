//! Runs the program and holds what it printed.

use std::path::PathBuf;
use std::process::{Command, Output};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `mlx` offline with these arguments.
pub(crate) fn mlx(arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlx"));
    command.args(arguments).env("HF_HUB_OFFLINE", "1");
    let Output { status, stdout, stderr } = command.output().unwrap();
    Run {
        ok: status.success(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// A checkpoint with reference scores.
pub(crate) fn golden(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../mlx-lm/tests/golden").join(name).display().to_string()
}

/// The real model, if it has been fetched.
pub(crate) fn smollm2() -> Option<String> {
    let path = mlx_testkit::assets::find("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")?;
    Some(path.display().to_string())
}
