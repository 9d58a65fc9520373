//! Where the repository is.

use std::path::PathBuf;

use anyhow::{Context, Result};

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
