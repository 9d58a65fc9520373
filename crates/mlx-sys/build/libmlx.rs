//! Where libmlx and its headers are: `MLX_DIR`, a source build, or the vendor folder.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// The version whose C++ interface mlx-c 0.7.0 and the shim are written for.
const VERSION: &str = "0.32.2";

/// An installed MLX.
pub(crate) struct Mlx {
    /// Folder that holds `mlx/mlx.h`.
    pub(crate) include: PathBuf,
    /// Folder that holds `libmlx.so` or `libmlx.dylib`.
    pub(crate) lib: PathBuf,
}

impl Mlx {
    fn at(root: &Path) -> Option<Self> {
        let (include, lib) = (root.join("include"), root.join("lib"));
        let found = include.join("mlx/mlx.h").is_file() && lib.join(library_name()).is_file();
        found.then_some(Self { include, lib })
    }

    /// The version in the headers, such as `0.32.2`.
    fn version(&self) -> Option<String> {
        let header = fs::read_to_string(self.include.join("mlx/version.h")).ok()?;
        let number = |part: &str| {
            let name = format!("MLX_VERSION_{part}");
            let mut words = header.split_whitespace().skip_while(|word| *word != name);
            words.nth(1).map(str::to_owned)
        };
        Some([number("MAJOR")?, number("MINOR")?, number("PATCH")?].join("."))
    }
}

/// Finds MLX, or says in one line how to get it.
pub(crate) fn locate(manifest: &Path) -> Result<Mlx, String> {
    let mlx = find(manifest)?;
    match mlx.version() {
        Some(version) if version == VERSION => Ok(mlx),
        version => Err(format!(
            "the MLX in {} is {}, and this crate needs {VERSION}: set MLX_DIR to one, or run `cargo xtask vendor`",
            mlx.include.display(),
            version.as_deref().unwrap_or("of an unknown version"),
        )),
    }
}

fn find(manifest: &Path) -> Result<Mlx, String> {
    println!("cargo::rerun-if-env-changed=MLX_DIR");
    if let Some(dir) = env::var_os("MLX_DIR").map(PathBuf::from) {
        return Mlx::at(&dir).ok_or_else(|| {
            format!("MLX_DIR={} holds no include/mlx/mlx.h with lib/{}", dir.display(), library_name())
        });
    }
    #[cfg(feature = "source")]
    return from_source();
    #[cfg(not(feature = "source"))]
    from_vendor(&manifest.join("../../vendor/mlx"))
}

#[cfg(not(feature = "source"))]
fn from_vendor(vendor: &Path) -> Result<Mlx, String> {
    let backends = backends();
    let found = backends.iter().find_map(|backend| Mlx::at(&vendor.join(backend).join("mlx")));
    if let Some(mlx) = found {
        println!("cargo::rerun-if-changed={}", mlx.lib.display());
        return Ok(mlx);
    }
    let backend = backends.first().unwrap_or(&"cpu");
    Err(format!(
        "libmlx was not found: run `cargo xtask vendor --backend {backend}`, \
         or set MLX_DIR to an installed MLX {VERSION} (looked in vendor/mlx/{{{}}})",
        backends.join(",")
    ))
}

/// The vendored builds that fit the target and features, best first.
#[cfg(not(feature = "source"))]
fn backends() -> &'static [&'static str] {
    if cfg!(feature = "cuda") {
        &["cuda13", "cuda12"]
    } else if is_macos() {
        &["metal"]
    } else {
        &["cpu"]
    }
}

#[cfg(feature = "source")]
fn from_source() -> Result<Mlx, String> {
    println!("cargo::rerun-if-env-changed=MLX_SOURCE_DIR");
    let source = env::var_os("MLX_SOURCE_DIR")
        .ok_or("feature `source` needs MLX_SOURCE_DIR, a checkout of MLX v0.32.2")?;
    let mut build = cmake::Config::new(source);
    for (option, on) in [
        ("BUILD_SHARED_LIBS", true),
        ("MLX_BUILD_TESTS", false),
        ("MLX_BUILD_EXAMPLES", false),
        ("MLX_BUILD_BENCHMARKS", false),
        ("MLX_BUILD_PYTHON_BINDINGS", false),
        ("MLX_BUILD_METAL", is_macos()),
        ("MLX_BUILD_CUDA", cfg!(feature = "cuda")),
    ] {
        build.define(option, if on { "ON" } else { "OFF" });
    }
    let root = build.define("CMAKE_INSTALL_LIBDIR", "lib").build();
    Mlx::at(&root).ok_or_else(|| format!("the source build left no library under {}", root.display()))
}

fn is_macos() -> bool {
    env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("macos")
}

fn library_name() -> &'static str {
    if is_macos() { "libmlx.dylib" } else { "libmlx.so" }
}
