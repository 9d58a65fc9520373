//! The pinned libclang, for bindgen.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::host::Host;
use crate::pins::Pins;
use crate::unpack;

/// The folder that holds libclang, fetched on first use.
pub fn fetch(root: &Path, pins: &Pins) -> Result<PathBuf> {
    let wheel = pins.libclang_wheel(Host::current()?)?;
    let folder = root.join("vendor/libclang");
    if !unpack::is_current(&folder, &wheel.sha256) {
        let archive = wheel.fetch(&root.join("vendor/cache"))?;
        unpack::fill(&folder, &wheel.sha256, |partial| unpack::zip(&archive, partial))?;
    }
    Ok(folder.join(format!("libclang-{}.data/platlib/clang/native", pins.libclang.version)))
}

/// bindgen ends the process when it finds no library, so that is found out before.
pub fn check(path: &Path) -> Result<()> {
    let is_library = |path: &Path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("libclang"))
    };
    let mut files = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    if !is_library(path) && !files.any(|file| is_library(&file)) {
        bail!("LIBCLANG_PATH={}: no libclang there; unset it to use the pinned one", path.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_libclang_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let message = check(folder.path()).unwrap_err().to_string();
        assert!(
            message.contains(&folder.path().display().to_string()) && message.contains("unset it"),
            "{message}"
        );
        std::fs::write(folder.path().join("libclang.so"), "").unwrap();
        check(folder.path()).unwrap();
    }
}
