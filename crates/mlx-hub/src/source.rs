//! Where a model comes from: what a user types, and the options of the hub.

use std::path::{Path, PathBuf};

use crate::hub::Hub;
use crate::{Checkpoint, Error, Progress, Result};

/// A place to load a model from.
///
/// The builder methods set options of the hub; for a path they change nothing.
///
/// ```no_run
/// let checkpoint = mlx_hub::Source::parse("org/name")?.offline(true).resolve()?;
/// println!("{}", checkpoint.config()?);
/// # Ok::<(), mlx_hub::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Source(Place);

#[derive(Clone, Debug)]
enum Place {
    Path(PathBuf),
    Hub(Hub),
}

impl Source {
    /// Reads what a user types for a model: a folder, a GGUF file, or `org/name[@revision]`.
    ///
    /// An existing path wins over a hub id of the same spelling.
    pub fn parse(text: &str) -> Result<Self> {
        if Path::new(text).exists() {
            return Ok(Self::path(text));
        }
        if looks_like_path(text) {
            let problem = "does not exist: give a folder, a GGUF file or a hub id (org/name)";
            return Err(Error::Source { text: text.to_owned(), problem });
        }
        Self::hub(text)
    }

    /// A folder or a GGUF file.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Place::Path(path.into()))
    }

    /// A model of the hub, as `org/name` or `org/name@revision`.
    pub fn hub(id: &str) -> Result<Self> {
        Hub::parse(id).map(|hub| Self(Place::Hub(hub)))
    }

    /// The branch, tag or commit to take; `main` if not set.
    pub fn revision(self, revision: &str) -> Result<Self> {
        match self.0 {
            Place::Hub(hub) => hub.with_revision(revision).map(|hub| Self(Place::Hub(hub))),
            path => Ok(Self(path)),
        }
    }

    /// The cache folder, instead of `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`.
    pub fn cache_dir(self, path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        self.with(|hub| hub.cache_dir = Some(path))
    }

    /// Whether to use only what is in the cache, instead of what `HF_HUB_OFFLINE` says.
    pub fn offline(self, offline: bool) -> Self {
        self.with(|hub| hub.offline = Some(offline))
    }

    /// The access token, instead of `HF_TOKEN` or the file that the hub's login command writes.
    pub fn token(self, token: impl Into<String>) -> Self {
        let token = token.into();
        self.with(|hub| hub.token = Some(token))
    }

    /// The server, instead of `HF_ENDPOINT` or the public hub.
    pub fn endpoint(self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.with(|hub| hub.endpoint = Some(url))
    }

    /// Downloads further files: a name in the repository, in which `*` stands for any text.
    pub fn include(self, pattern: impl Into<String>) -> Self {
        let pattern = pattern.into();
        self.with(|hub| hub.include.push(pattern))
    }

    /// Calls `report` while a file is downloaded; without it downloads are silent.
    pub fn progress(self, report: impl Fn(&Progress) + Send + Sync + 'static) -> Self {
        self.with(|hub| hub.report = Some(report.into()))
    }

    /// Finds the model's files, downloading those that are not in the cache.
    pub fn resolve(&self) -> Result<Checkpoint> {
        match &self.0 {
            Place::Path(path) => Checkpoint::open(path),
            Place::Hub(hub) => Checkpoint::open(hub.snapshot()?),
        }
    }

    fn with(mut self, set: impl FnOnce(&mut Hub)) -> Self {
        if let Place::Hub(hub) = &mut self.0 {
            set(hub);
        }
        self
    }
}

/// Whether a text that names nothing on this machine was meant as a path.
fn looks_like_path(text: &str) -> bool {
    text.starts_with(['/', '.', '~'])
        || text.ends_with('/')
        || text.ends_with(".gguf")
        || text.contains('\\')
        || text.matches('/').count() > 1 && !text.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existing_path_wins_over_a_hub_id() {
        assert!(matches!(Source::parse("src/hub").unwrap().0, Place::Path(_)));
        assert!(matches!(Source::parse("src/hub2").unwrap().0, Place::Hub(_)));
    }

    #[test]
    fn missing_paths_are_not_taken_for_hub_ids() {
        for text in ["/no/such", "./model", "../model", "~/model", "model/", "a/b/c", "a/m.gguf", "a\\b"] {
            let error = Source::parse(text).unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` does not exist")), "{error}");
        }
    }

    #[test]
    fn revision_may_hold_slashes() {
        assert!(Source::parse("org/name@refs/pr/1").is_ok());
    }
}
