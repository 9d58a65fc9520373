//! Runs the program and holds what it printed.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `mlx` offline with these arguments.
pub(crate) fn mlx(arguments: &[&str]) -> Run {
    Run::of(command(arguments).output().unwrap())
}

/// Runs `mlx` as [`mlx`] does, with `lines` in its stdin.
pub(crate) fn mlx_with_input(arguments: &[&str], lines: &str) -> Run {
    let mut command = command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = command.spawn().unwrap();
    program.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    Run::of(program.wait_with_output().unwrap())
}

/// The program with these arguments, offline.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mlx"));
    command.args(arguments).env("HF_HUB_OFFLINE", "1");
    command
}

impl Run {
    pub(crate) fn of(Output { status, stdout, stderr }: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { ok: status.success(), out: text(stdout), err: text(stderr) }
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
