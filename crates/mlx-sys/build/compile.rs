//! Compiles mlx-c and the shim into one static library.

use std::fs;
use std::path::{Path, PathBuf};

/// Compiles both against the headers in `include`.
pub(crate) fn compile(manifest: &Path, include: &Path) -> Result<(), String> {
    let mlx_c = mlx_c(manifest)?;
    let shim = manifest.join("shim");
    println!("cargo::rerun-if-changed={}", mlx_c.display());
    let mut build = cc::Build::new();
    build
        .cpp(true)
        .std("c++20")
        .warnings(false)
        .opt_level(2)
        .debug(false)
        .flag("-include")
        .flag(shim.join("prelude.h"))
        .includes([&mlx_c, &shim])
        .include(include)
        .files(sources(&mlx_c.join("mlx/c"))?)
        .files(sources(&shim)?);
    build.try_compile("mlxc").map_err(|e| {
        format!("compiling mlx-c failed (a C++20 compiler is needed, such as g++ 12 or clang 15): {e}")
    })
}

/// mlx-c's sources: inside a published package, or in the workspace's vendor folder.
fn mlx_c(manifest: &Path) -> Result<PathBuf, String> {
    let places = [manifest.join("mlx-c"), manifest.join("../../vendor/mlx-c")];
    places
        .into_iter()
        .find(|place| place.join("mlx/c/mlx.h").is_file())
        .ok_or_else(|| "mlx-c's sources were not found: run `cargo xtask vendor`".to_owned())
}

fn sources(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let list = fs::read_dir(folder).map_err(|e| format!("reading {}: {e}", folder.display()))?;
    let mut files: Vec<_> = list
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "cpp"))
        .collect();
    files.sort();
    Ok(files)
}
