//! Models of the Hugging Face Hub: the id, the options, and the way to a snapshot folder.

mod cache;
mod cached;
#[cfg(feature = "download")]
mod download;
mod environment;
#[cfg(feature = "download")]
mod pattern;
mod progress;

use std::path::PathBuf;

pub use cached::{Cache, CachedModel};
use environment::Environment;
pub use progress::Progress;
use progress::Report;

use crate::{Error, Result, shard};

/// A model of the hub. An option that is `None` is taken from the environment.
#[derive(Clone, Debug)]
pub(crate) struct Hub {
    id: String,
    revision: String,
    pub(crate) cache_dir: Option<PathBuf>,
    pub(crate) offline: Option<bool>,
    pub(crate) token: Option<String>,
    pub(crate) endpoint: Option<String>,
    pub(crate) include: Vec<String>,
    pub(crate) report: Option<Report>,
}

impl Hub {
    /// Reads `org/name` or `org/name@revision`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
        if !id.split_once('/').is_some_and(|(org, name)| is_name(org) && is_name(name)) {
            let problem =
                "is neither an existing path nor a hub id of the form org/name or org/name@revision";
            return Err(Error::Source { text: text.to_owned(), problem });
        }
        let hub = Self {
            id: id.to_owned(),
            revision: String::new(),
            cache_dir: None,
            offline: None,
            token: None,
            endpoint: None,
            include: Vec::new(),
            report: None,
        };
        hub.with_revision(revision)
    }

    pub(crate) fn with_revision(self, revision: &str) -> Result<Self> {
        let known = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        if shard::stays_inside(revision) && revision.chars().all(known) {
            Ok(Self { revision: revision.to_owned(), ..self })
        } else {
            let problem = "is not a revision: give a branch, a tag or a commit";
            Err(Error::Source { text: revision.to_owned(), problem })
        }
    }

    /// The folder that holds this revision's files, after downloading what is missing.
    pub(crate) fn snapshot(&self) -> Result<PathBuf> {
        let environment = Environment::of_process();
        let cache_dir = self.cache_dir.clone().or_else(|| environment.cache_dir()).ok_or_else(|| {
            self.error("there is no home folder for the cache: set HF_HOME, or give a cache folder")
        })?;
        let cache_dir = std::path::absolute(&cache_dir).map_err(Error::io(&cache_dir))?;
        if !self.offline.unwrap_or_else(|| environment.offline()) {
            return self.download(cache_dir, &environment);
        }
        cache::snapshot(&cache_dir, &self.id, &self.revision).ok_or_else(|| {
            let folder = cache_dir.display();
            self.error(format!("offline, and not in the cache {folder}: go online once, or give a folder"))
        })
    }

    #[cfg(not(feature = "download"))]
    fn download(&self, cache_dir: PathBuf, _: &Environment) -> Result<PathBuf> {
        cache::snapshot(&cache_dir, &self.id, &self.revision).ok_or_else(|| {
            self.error("not in the cache, and this build cannot download (feature `download`)")
        })
    }

    fn error(&self, problem: impl Into<String>) -> Error {
        Error::Hub { model: format!("{}@{}", self.id, self.revision), problem: problem.into() }
    }
}

/// Whether one part of a hub id is well formed.
fn is_name(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && text.chars().all(known)
        && !text.contains("..")
}

#[cfg(test)]
mod tests {
    use super::Hub;

    #[test]
    fn id_and_revision_are_read() {
        let hub = Hub::parse("mlx-community/Llama-3.2-1B@v1.0").unwrap();
        assert_eq!((hub.id.as_str(), hub.revision.as_str()), ("mlx-community/Llama-3.2-1B", "v1.0"));
        assert_eq!(Hub::parse("org/name").unwrap().revision, "main");
    }

    #[test]
    fn malformed_ids_are_refused() {
        for id in
            ["name", "org/", "/name", "org/na me", "org/..", "a/b/c", "org/name@", "org/name@../x", "o/n@a b"]
        {
            assert!(Hub::parse(id).is_err(), "{id}");
        }
    }
}
