//! The hub's cache layout: `models--org--name/{refs,snapshots,blobs}`.

use std::path::{Path, PathBuf};

/// The snapshot folder of a revision (branch, tag or commit), if the cache holds one.
pub(super) fn snapshot(cache_dir: &Path, id: &str, revision: &str) -> Option<PathBuf> {
    let model = cache_dir.join(format!("models--{}", id.replace('/', "--")));
    let commit = std::fs::read_to_string(model.join("refs").join(revision));
    let snapshot = model.join("snapshots").join(commit.as_deref().unwrap_or(revision).trim());
    snapshot.is_dir().then_some(snapshot)
}
