//! Which functions of mlx-c the linker kept in the tests of mlx-core's public interface.
//!
//! Each function lies in a section of its own, and the linker drops those that nothing calls. So a function that is
//! left is called by code that a safe program can reach, through macros, generics and function values alike.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;

use crate::process;

/// The names that are defined in the test binary.
pub fn symbols(root: &Path) -> Result<BTreeSet<String>> {
    let binary = binary(root)?;
    let table = process::output(Command::new("nm").arg("--defined-only").arg(&binary))?;
    Ok(table.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned).collect())
}

/// Builds the tests and says where they are.
fn binary(root: &Path) -> Result<PathBuf> {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(["test", "-p", "mlx-core", "--test", "it", "--no-run"]);
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output = cargo.spawn().context("cargo")?.wait_with_output().context("cargo")?;
    if !output.status.success() {
        bail!("{} failed ({})", process::describe(&cargo), output.status);
    }
    for message in Message::parse_stream(&output.stdout[..]) {
        if let Message::CompilerArtifact(artifact) = message.context("cargo's messages")?
            && let Some(executable) = artifact.executable.filter(|_| artifact.target.name == "it")
        {
            return Ok(executable.into_std_path_buf());
        }
    }
    bail!("cargo built no test binary of mlx-core")
}
