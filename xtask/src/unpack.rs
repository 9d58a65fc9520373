//! Folders that appear whole or not at all, stamped with what is in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

const STAMP: &str = ".stamp";

/// Whether `folder` was filled from the archive with this sha256.
pub fn is_current(folder: &Path, sha256: &str) -> bool {
    std::fs::read_to_string(folder.join(STAMP)).is_ok_and(|stamp| stamp.trim() == sha256)
}

/// Fills `folder` by way of a neighbour that is renamed at the end, so that an interrupted run leaves nothing half done.
pub fn fill(folder: &Path, sha256: &str, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let partial = neighbour(folder);
    remove(&partial)?;
    std::fs::create_dir_all(&partial).with_context(|| partial.display().to_string())?;
    write(&partial)?;
    std::fs::write(partial.join(STAMP), sha256).with_context(|| partial.display().to_string())?;
    remove(folder)?;
    std::fs::rename(&partial, folder).with_context(|| folder.display().to_string())
}

/// Unpacks a zip archive (a wheel is one).
pub fn zip(archive: &Path, into: &Path) -> Result<()> {
    process::output(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(archive).arg(into))?;
    Ok(())
}

/// Unpacks what lies under `folder` of a compressed tar archive.
pub fn tar(archive: &Path, folder: &str, into: &Path) -> Result<()> {
    let outer = folder.split('/').count();
    let mut tar = Command::new("tar");
    tar.arg("-xzf").arg(archive).arg("-C").arg(into).arg(format!("--strip-components={outer}")).arg(folder);
    process::output(&mut tar).map(drop)
}

/// Copies a folder with everything in it.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in std::fs::read_dir(from).with_context(|| from.display().to_string())? {
        let source = entry.with_context(|| from.display().to_string())?.path();
        let target = to.join(source.file_name().unwrap_or_default());
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            std::fs::copy(&source, &target).with_context(|| source.display().to_string())?;
        }
    }
    Ok(())
}

/// Removes a folder that may not be there.
pub fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

fn neighbour(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_os_string();
    name.push(".partial");
    folder.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_fill_leaves_the_old_folder() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mlx");
        fill(&folder, "one", |to| Ok(std::fs::write(to.join("a"), "1")?)).unwrap();
        fill(&folder, "two", |_| anyhow::bail!("interrupted")).unwrap_err();
        assert!(is_current(&folder, "one") && folder.join("a").is_file());
    }

    #[test]
    fn a_new_fill_replaces_the_folder_and_its_leftovers() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("mlx");
        fill(&folder, "one", |to| Ok(std::fs::write(to.join("a"), "1")?)).unwrap();
        std::fs::create_dir(root.path().join("mlx.partial")).unwrap();
        std::fs::write(root.path().join("mlx.partial/leftover"), "").unwrap();
        fill(&folder, "two", |to| Ok(std::fs::write(to.join("b"), "2")?)).unwrap();
        assert!(is_current(&folder, "two") && !is_current(&folder, "one"));
        assert!(
            folder.join("b").is_file() && !folder.join("a").exists() && !folder.join("leftover").exists()
        );
    }

    #[test]
    fn a_folder_of_a_tar_archive_is_unpacked_without_those_above_it() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("package/source/deep")).unwrap();
        std::fs::write(root.path().join("package/source/deep/file"), "x").unwrap();
        std::fs::write(root.path().join("package/other"), "y").unwrap();
        let archive = root.path().join("a.tar.gz");
        process::output(
            Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(root.path()).arg("package"),
        )
        .unwrap();
        let to = root.path().join("to");
        std::fs::create_dir(&to).unwrap();
        tar(&archive, "package/source", &to).unwrap();
        assert_eq!(std::fs::read_to_string(to.join("deep/file")).unwrap(), "x");
        assert_eq!(std::fs::read_dir(&to).unwrap().count(), 1);
    }

    #[test]
    fn copy_takes_folders_along() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(root.path().join("from/deep")).unwrap();
        std::fs::write(root.path().join("from/deep/file"), "x").unwrap();
        copy(&root.path().join("from"), &root.path().join("to")).unwrap();
        assert_eq!(std::fs::read_to_string(root.path().join("to/deep/file")).unwrap(), "x");
    }
}
