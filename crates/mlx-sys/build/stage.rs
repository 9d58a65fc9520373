//! Makes libmlx reachable at run time.
//!
//! Cargo puts native search paths on the loader's path for `cargo run` and `cargo test` when they lie
//! inside the target folder. libmlx finds what it needs relative to itself, so the links keep the wheel's
//! layout: `native/mlx/lib/libmlx.so` beside `native/mlx_cpu.libs/`.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::libmlx::Mlx;

/// Links the library, and the folders of libraries beside its package, under `out`. Returns where it is.
pub(crate) fn stage(mlx: &Mlx, out: &Path) -> Result<PathBuf, String> {
    link_all(mlx, &out.join("native")).map_err(|e| format!("linking libmlx into {}: {e}", out.display()))
}

fn link_all(mlx: &Mlx, native: &Path) -> io::Result<PathBuf> {
    if native.exists() {
        fs::remove_dir_all(native)?;
    }
    let lib = native.join("mlx/lib");
    fs::create_dir_all(&lib)?;
    for entry in fs::read_dir(&mlx.lib)? {
        link_into(&entry?.path(), &lib)?;
    }
    let Some(packages) = mlx.lib.ancestors().nth(2) else { return Ok(lib) };
    for entry in fs::read_dir(packages)? {
        let path = entry?.path();
        if is_library_folder(&path) {
            link_into(&path, native)?;
        }
    }
    Ok(lib)
}

/// Whether `path` is one of the folders that a wheel's libmlx names in its RPATH.
fn is_library_folder(path: &Path) -> bool {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    path.is_dir() && (name == "nvidia" || (name.starts_with("mlx") && name.ends_with(".libs")))
}

fn link_into(path: &Path, folder: &Path) -> io::Result<()> {
    let target = fs::canonicalize(path)?;
    match path.file_name() {
        Some(name) => symlink(target, folder.join(name)),
        None => Ok(()),
    }
}
