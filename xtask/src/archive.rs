//! Archives of package registries: downloaded by the registry's own client, never installed, checked by sha256.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::{digest, process};

/// An archive whose content is pinned. The end of its file name says whose it is: a Python wheel (`.whl`) or Python
/// sources (`.tar.gz`), an npm package (`.tgz`) or a Debian package (`.deb`).
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    pub package: String,
    pub version: String,
    pub file: String,
    pub sha256: String,
}

/// The package index did not hand the file out: not a fault of this repository.
#[derive(Debug)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

impl Archive {
    /// The platform tag, the last one where the file name lists several.
    pub fn platform(&self) -> &str {
        self.tags().last().and_then(|tag| tag.rsplit('.').next()).unwrap_or("any")
    }

    /// Downloads the archive into `cache` unless a verified copy is there.
    pub fn fetch(&self, cache: &Path) -> Result<PathBuf> {
        let path = cache.join(&self.file);
        if path.is_file() && digest::verify(&path, &self.sha256).is_ok() {
            return Ok(path);
        }
        std::fs::create_dir_all(cache).with_context(|| cache.display().to_string())?;
        if path.exists() {
            std::fs::remove_file(&path).with_context(|| path.display().to_string())?;
        }
        self.download(cache)?;
        digest::verify(&path, &self.sha256)?;
        Ok(path)
    }

    fn download(&self, cache: &Path) -> Result<()> {
        let mut client = match self.file.rsplit('.').next() {
            Some("tgz") => self.npm(cache),
            Some("deb") => self.apt(cache),
            _ => self.pip(cache)?,
        };
        let result = if std::io::stderr().is_terminal() {
            process::run(&mut client)
        } else {
            process::output(client.arg("--quiet")).map(drop)
        };
        result.map_err(|error| {
            let place = cache.join(&self.file);
            let mend = format!("check the network, or put the file at {} by hand", place.display());
            Refused(format!("{} {}: the download was refused ({error}); {mend}", self.package, self.version))
                .into()
        })
    }

    fn pip(&self, cache: &Path) -> Result<Command> {
        process::output(Command::new("python3").arg("--version"))?;
        process::output(Command::new("python3").args(["-m", "pip", "--version"]))
            .context("python3 needs pip: apt-get install python3-pip, or python3 -m ensurepip")?;
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-deps", "--dest"]).arg(cache);
        let wanted = format!("{}=={}", self.package, self.version);
        if self.file.ends_with(".tar.gz") {
            pip.args(["--no-binary", &self.package, "--requirement"]).arg(self.requirement(cache, &wanted)?);
        } else {
            pip.args(["--only-binary", ":all:"]).args(self.interpreter()).arg(wanted);
        }
        Ok(pip)
    }

    /// A file that makes pip check the hash before it runs what the sources say about themselves.
    fn requirement(&self, cache: &Path, wanted: &str) -> Result<PathBuf> {
        let path = cache.join(format!("{}.txt", self.file));
        std::fs::write(&path, format!("{wanted} --hash=sha256:{}\n", self.sha256))
            .with_context(|| path.display().to_string())?;
        Ok(path)
    }

    fn npm(&self, cache: &Path) -> Command {
        let mut npm = Command::new("npm");
        npm.current_dir(cache).args([
            "pack",
            "--ignore-scripts",
            &format!("{}@{}", self.package, self.version),
        ]);
        npm
    }

    fn apt(&self, cache: &Path) -> Command {
        let mut apt = Command::new("apt-get");
        apt.current_dir(cache).args(["download", &format!("{}={}", self.package, self.version)]);
        apt
    }

    /// The pip options that ask for this file on any machine.
    fn interpreter(&self) -> Vec<String> {
        let mut options = Vec::new();
        if self.platform() != "any" {
            options.extend(["--platform".into(), self.platform().into()]);
        }
        let python = self.tags().next().unwrap_or_default();
        if let Some(version) = python.strip_prefix("cp") {
            options.extend(["--implementation", "cp", "--python-version", version].map(String::from));
        }
        options
    }

    /// The python, ABI and platform tags.
    fn tags(&self) -> impl Iterator<Item = &str> {
        let stem = self.file.strip_suffix(".whl").unwrap_or(&self.file);
        let mut parts: Vec<&str> = stem.rsplitn(4, '-').take(3).collect();
        parts.reverse();
        parts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wheel(file: &str) -> Archive {
        Archive { package: "p".into(), version: "1".into(), file: file.into(), sha256: "00".into() }
    }

    #[test]
    fn the_file_name_gives_the_pip_options() {
        assert!(wheel("p-1-py3-none-any.whl").interpreter().is_empty());
        let options = wheel("p-1-py3-none-macosx_14_0_arm64.whl").interpreter();
        assert_eq!(options, ["--platform", "macosx_14_0_arm64"]);
        let options =
            wheel("p-1-2-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl").interpreter();
        let native =
            ["--platform", "manylinux_2_28_x86_64", "--implementation", "cp", "--python-version", "311"];
        assert_eq!(options, native);
    }

    #[test]
    fn a_verified_copy_in_the_cache_is_not_downloaded_again() {
        let cache = tempfile::tempdir().unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let cached = Archive { sha256: abc.into(), ..wheel("no-such-package-1-py3-none-any.whl") };
        std::fs::write(cache.path().join(&cached.file), "abc").unwrap();
        assert_eq!(cached.fetch(cache.path()).unwrap(), cache.path().join(&cached.file));
    }
}
