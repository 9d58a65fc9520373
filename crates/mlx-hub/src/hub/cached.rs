//! What the hub's cache on this machine holds.

use std::fs;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use crate::{Error, Result};

/// The cache that the environment names, which all Hugging Face tools share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    path: PathBuf,
    offline: bool,
}

/// A model in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CachedModel {
    /// Its id: `org/name`.
    pub id: String,
    /// Bytes of its files, each counted once however many revisions share it.
    pub bytes: u64,
    /// How many revisions there are.
    pub revisions: usize,
    /// How many files were not downloaded to their end.
    pub unfinished: usize,
}

impl Cache {
    /// The folder of `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`; none where there is no home.
    pub fn of_environment() -> Option<Self> {
        let environment = Environment::of_process();
        Some(Self { path: environment.cache_dir()?, offline: environment.offline() })
    }

    /// The folder, which need not be there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether `HF_HUB_OFFLINE` says that nothing is downloaded.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// All models that have files, by their ids. No folder is no models.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn models(&self) -> Result<Vec<CachedModel>> {
        if !self.path.exists() {
            return Ok(Vec::new());
        }
        let mut models = Vec::new();
        for path in entries(&self.path)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some((org, name)) = name.strip_prefix("models--").and_then(|id| id.split_once("--")) else {
                continue;
            };
            let snapshots = path.join("snapshots");
            let revisions = if snapshots.is_dir() { entries(&snapshots)?.len() } else { 0 };
            let mut model = CachedModel { id: format!("{org}/{name}"), bytes: 0, revisions, unfinished: 0 };
            model.count(&path)?;
            models.push(model);
        }
        models.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(models)
    }
}

impl CachedModel {
    /// Adds up the files of a folder; links to them are none.
    fn count(&mut self, folder: &Path) -> Result<()> {
        for path in entries(folder)? {
            let about = path.symlink_metadata().map_err(Error::io(&path))?;
            if about.is_dir() {
                self.count(&path)?;
            } else if about.is_file() {
                self.bytes += about.len();
                let ending = path.extension().unwrap_or_default();
                self.unfinished += usize::from(ending == "part" || ending == "incomplete");
            }
        }
        Ok(())
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).map_err(Error::io(folder))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    paths.collect::<std::io::Result<_>>().map_err(Error::io(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: PathBuf, bytes: usize) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, vec![0; bytes]).unwrap();
    }

    #[test]
    fn models_are_counted_without_links_and_with_what_is_unfinished() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache { path: folder.path().join("hub"), offline: false };
        assert_eq!(cache.models().unwrap(), []);
        let model = cache.path.join("models--org--a--b");
        write(model.join("blobs/x"), 100);
        write(model.join("blobs/y.sync.part"), 7);
        write(cache.path.join("datasets--org--c/blobs/x"), 1);
        write(cache.path.join("models--org--Empty/refs/main"), 0);
        for revision in ["1", "2"] {
            let snapshot = model.join("snapshots").join(revision);
            fs::create_dir_all(&snapshot).unwrap();
            #[cfg(unix)]
            std::os::unix::fs::symlink("../../blobs/x", snapshot.join("weights")).unwrap();
        }
        let whole = CachedModel { id: "org/Empty".into(), bytes: 0, revisions: 0, unfinished: 0 };
        let begun = CachedModel { id: "org/a--b".into(), bytes: 107, revisions: 2, unfinished: 1 };
        assert_eq!(cache.models().unwrap(), [whole, begun]);
    }
}
