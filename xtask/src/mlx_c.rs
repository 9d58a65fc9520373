//! mlx-c's sources, from the archive of a published crate that plain cargo downloads.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cargo_metadata::MetadataCommand;
use serde::Deserialize;

use crate::pins::Crate;
use crate::{process, unpack};

/// Fills `folder` with mlx-c's licence and its `mlx/c`.
pub fn fetch(pin: &Crate, folder: &Path) -> Result<()> {
    let scratch = tempfile::tempdir().context("no temporary folder")?;
    let sources = locate(pin, scratch.path())?;
    unpack::fill(folder, &pin.sha256, |partial| {
        let licence = sources.join("LICENSE");
        std::fs::copy(&licence, partial.join("LICENSE")).with_context(|| licence.display().to_string())?;
        unpack::copy(&sources.join("mlx/c"), &partial.join("mlx/c"))
    })
}

/// Makes cargo fetch the crate for a manifest of ours, and returns where the sources lie.
fn locate(pin: &Crate, scratch: &Path) -> Result<PathBuf> {
    let manifest = scratch.join("Cargo.toml");
    let text = format!(
        "[package]\nname = \"fetch\"\nedition = \"2024\"\n[lib]\npath = \"lib.rs\"\n[workspace]\n[dependencies]\n{} = \"={}\"\n",
        pin.name, pin.version
    );
    std::fs::write(&manifest, text).context("no manifest for cargo fetch")?;
    std::fs::write(scratch.join("lib.rs"), "").context("no manifest for cargo fetch")?;
    process::output(process::cargo().current_dir(scratch).args(["fetch", "--quiet"]))
        .with_context(|| format!("{} {} was not fetched; check the network", pin.name, pin.version))?;
    check(&std::fs::read_to_string(scratch.join("Cargo.lock")).context("no Cargo.lock")?, pin)?;
    let metadata = MetadataCommand::new().manifest_path(&manifest).exec().context("cargo metadata")?;
    let package = metadata.packages.iter().find(|package| *package.name == pin.name);
    let folder = package
        .and_then(|package| package.manifest_path.parent())
        .context("cargo metadata lists no crate")?;
    Ok(folder.join(&pin.folder).into_std_path_buf())
}

/// Cargo refuses an archive that differs from the lock file; here the lock file must say what is pinned.
fn check(lock: &str, pin: &Crate) -> Result<()> {
    #[derive(Deserialize)]
    struct Lock {
        package: Vec<Locked>,
    }
    #[derive(Deserialize)]
    struct Locked {
        name: String,
        checksum: Option<String>,
    }
    let lock: Lock = toml::from_str(lock).context("Cargo.lock")?;
    let locked = lock.package.into_iter().find(|package| package.name == pin.name);
    let found = locked.and_then(|package| package.checksum).unwrap_or_default();
    if found != pin.sha256 {
        bail!("{} {}: the registry's sha256 {found} is not the pinned {}", pin.name, pin.version, pin.sha256);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_file_with_another_checksum_is_refused() {
        let pin =
            Crate { name: "a".into(), version: "1.0.0".into(), folder: "src".into(), sha256: "11".into() };
        let lock =
            |checksum| format!("[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nchecksum = \"{checksum}\"\n");
        check(&lock("11"), &pin).unwrap();
        let message = check(&lock("22"), &pin).unwrap_err().to_string();
        assert!(message.contains("22 is not the pinned 11"), "{message}");
    }
}
