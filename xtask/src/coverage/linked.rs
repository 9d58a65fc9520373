//! Which functions of mlx-c the linker kept in the tests of mlx-core.
//!
//! Each function lies in a section of its own, and the linker drops those that nothing calls. So a function that is
//! left is called by code that a test can reach, through macros, generics and function values alike. The tests of the
//! public interface are one binary; kernels of a GPU, whose builders are unsafe to call, are tested in the library.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use cargo_metadata::Message;

use crate::process;

/// The names that are defined in the test binaries.
pub fn symbols(root: &Path) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for binary in binaries(root)? {
        let table = process::output(Command::new("nm").arg("--defined-only").arg(&binary))?;
        names.extend(table.lines().filter_map(|line| line.split_whitespace().nth(2)).map(str::to_owned));
    }
    Ok(names)
}

/// Builds the tests and says where those of mlx-core are. Every package is asked for, as by the tests themselves:
/// fewer packages have fewer features, for which Cargo would build all again.
fn binaries(root: &Path) -> Result<Vec<PathBuf>> {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-run"]);
    cargo.arg("--message-format=json-render-diagnostics").stdout(Stdio::piped());
    let output = cargo.spawn().context("cargo")?.wait_with_output().context("cargo")?;
    if !output.status.success() {
        bail!("{} failed ({})", process::describe(&cargo), output.status);
    }
    let package = root.join("crates/mlx-core");
    let mut binaries = Vec::new();
    for message in Message::parse_stream(&output.stdout[..]) {
        if let Message::CompilerArtifact(artifact) = message.context("cargo's messages")?
            && artifact.manifest_path.starts_with(&package)
        {
            binaries.extend(artifact.executable.map(|path| path.into_std_path_buf()));
        }
    }
    if binaries.len() != 2 {
        bail!("cargo built {} test binaries of mlx-core, not two", binaries.len());
    }
    Ok(binaries)
}
