//! Downloading a snapshot into the cache.

use std::path::{Path, PathBuf};

use hf_hub::api::RepoInfo;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use super::environment::Environment;
use super::progress::{Progress, Report};
use super::{Hub, cache, pattern};
use crate::{Error, Result, shard};

/// How often a broken transfer is taken up again.
const RETRIES: usize = 3;

impl Hub {
    /// Brings the revision's files into the cache and names their folder.
    ///
    /// When the hub cannot be reached, what the cache has for the revision is used.
    pub(super) fn download(&self, cache_dir: PathBuf, environment: &Environment) -> Result<PathBuf> {
        let cache = Cache::new(cache_dir.clone());
        let api = ApiBuilder::from_cache(cache.clone())
            .with_endpoint(self.endpoint.clone().unwrap_or_else(|| environment.endpoint()))
            .with_token(self.token.clone().or_else(|| environment.token()))
            .with_progress(false)
            .with_retries(RETRIES)
            .build()
            .map_err(|error| self.error(error.to_string()))?;
        let info = match self.ask(&api)? {
            Answer::Info(info) if shard::stays_inside(&info.sha) => info,
            Answer::Info(info) => {
                return Err(self.error(format!("the hub gives `{}` as its commit", info.sha)));
            }
            Answer::Unreachable(reason) => {
                return cache::snapshot(&cache_dir, &self.id, &self.revision).ok_or_else(|| {
                    self.error(format!("the hub cannot be reached ({reason}), and the cache has no copy"))
                });
            }
        };
        let commit = Repo::with_revision(self.id.clone(), RepoType::Model, info.sha.clone());
        let snapshot = cache.repo(commit.clone()).pointer_path(&info.sha);
        self.fetch_all(&api.repo(commit), &info, &snapshot)?;
        let branch = Repo::with_revision(self.id.clone(), RepoType::Model, self.revision.clone());
        cache.repo(branch).create_ref(&info.sha).map_err(Error::io(&cache_dir))?;
        Ok(snapshot)
    }

    /// Asks the hub for the revision's commit and files.
    fn ask(&self, api: &Api) -> Result<Answer> {
        let repo = Repo::with_revision(self.id.clone(), RepoType::Model, self.revision.clone());
        let request = api.repo(repo).info_request().config().http_status_as_error(false).build();
        let mut response = match request.call() {
            Ok(response) => response,
            Err(error) => return Ok(Answer::Unreachable(error.to_string())),
        };
        match response.status().as_u16() {
            200 => response
                .body_mut()
                .read_json()
                .map(Answer::Info)
                .map_err(|error| self.error(format!("the hub's list of files cannot be read: {error}"))),
            401 | 403 | 404 => Err(self.error(
                "the hub has no such model or revision, or it needs a login: check the name, or set HF_TOKEN",
            )),
            500.. => Ok(Answer::Unreachable(format!("status {}", response.status()))),
            _ => Err(self.error(format!("the hub answered with status {}", response.status()))),
        }
    }

    fn fetch_all(&self, repo: &ApiRepo, info: &RepoInfo, snapshot: &Path) -> Result<()> {
        let names: Vec<_> = info.siblings.iter().map(|file| file.rfilename.as_str()).collect();
        let usual = names.iter().copied().filter(|name| pattern::wanted(name, &self.include));
        for name in usual {
            self.fetch(repo, name, snapshot)?;
        }
        let shards = if names.contains(&shard::INDEX) {
            shard::read_index(&snapshot.join(shard::INDEX))?
        } else {
            shard::select(names.into_iter())
        };
        shards.iter().try_for_each(|name| self.fetch(repo, name, snapshot))
    }

    /// Downloads one file unless the snapshot has it.
    fn fetch(&self, repo: &ApiRepo, name: &str, snapshot: &Path) -> Result<()> {
        if !shard::stays_inside(name) {
            return Err(self.error(format!("the hub lists a file `{name}`, which would leave the cache")));
        }
        if snapshot.join(name).exists() {
            return Ok(());
        }
        let progress = Progress { file: name.to_owned(), done: 0, total: 0 };
        repo.download_with_progress(name, Meter { report: self.report.as_ref(), progress })
            .map_err(|error| self.error(format!("downloading `{name}` failed: {}", reason(&error))))?;
        Ok(())
    }
}

enum Answer {
    Info(RepoInfo),
    Unreachable(String),
}

/// Counts one file's bytes for the caller's function.
struct Meter<'a> {
    report: Option<&'a Report>,
    progress: Progress,
}

impl hf_hub::api::Progress for Meter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        (self.progress.done, self.progress.total) = (0, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.progress.done += size as u64;
        if let Some(Report(report)) = self.report {
            report(&self.progress);
        }
    }

    fn finish(&mut self) {}
}

/// A refused file of a model that is listed is one whose terms nobody has accepted.
fn reason(error: &ApiError) -> String {
    match error {
        ApiError::RequestError(request) if matches!(**request, ureq::Error::StatusCode(401 | 403)) => {
            "the model is gated: accept its terms on its page, and set HF_TOKEN".into()
        }
        error => error.to_string(),
    }
}
