//! Where the repository is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow};
use cargo_metadata::{Metadata, MetadataCommand};

use crate::process;

/// The repository's root: found at run time, because checkouts may share a target directory.
pub fn root() -> Result<PathBuf> {
    let start = match std::env::var_os("CARGO_MANIFEST_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::current_dir().context("the current folder is not readable")?,
    };
    start
        .ancestors()
        .find(|folder| folder.join("vendor/PINS.toml").is_file())
        .map(PathBuf::from)
        .with_context(|| {
            format!("{}: no vendor/PINS.toml above it; run from inside the repository", start.display())
        })
}

/// The workspace as cargo sees it, without what it depends on.
pub fn metadata(root: &Path) -> Result<Metadata> {
    let metadata = MetadataCommand::new().manifest_path(root.join("Cargo.toml")).no_deps().exec();
    metadata
        .map_err(|error| anyhow!("{}", error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Cargo's target directory.
pub fn target(root: &Path) -> Result<PathBuf> {
    Ok(metadata(root)?.target_directory.into_std_path_buf())
}

/// The target triple of this machine.
pub fn host() -> Result<String> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}
