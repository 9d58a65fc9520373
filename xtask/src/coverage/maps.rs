//! What people wrote: items and reasons by name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// A file of `xtask/coverage`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Map {
    /// The public item for a name.
    #[serde(default)]
    pub paths: BTreeMap<String, String>,
    /// A function of mlx-c that does the same with other arguments, and is reached.
    #[serde(default)]
    pub twins: BTreeMap<String, String>,
    /// What of Rust does the same without a call.
    #[serde(default)]
    pub rust: BTreeMap<String, String>,
    /// Why a name has none.
    #[serde(default)]
    pub reasons: BTreeMap<String, String>,
}

/// Reads one.
pub fn read(path: &Path) -> Result<Map> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}
