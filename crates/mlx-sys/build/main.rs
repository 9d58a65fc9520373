//! Finds libmlx, compiles mlx-c and the shim against it, and says how to link them.
//!
//! No network is used here: `cargo xtask vendor` brings what is missing.

#![allow(clippy::print_stdout, reason = "cargo reads what a build script prints")]

mod compile;
mod libmlx;
mod stage;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=shim");
    println!("cargo::rerun-if-env-changed=DOCS_RS");
    if env::var_os("DOCS_RS").is_some() {
        return ExitCode::SUCCESS;
    }
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("cargo::error={message}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let manifest = path_from_env("CARGO_MANIFEST_DIR")?;
    let out = path_from_env("OUT_DIR")?;
    let mlx = libmlx::locate(&manifest)?;
    let lib = stage::stage(&mlx, &out)?;
    compile::compile(&manifest, &mlx.include)?;
    println!("cargo::rustc-link-search=native={}", lib.display());
    println!("cargo::rustc-link-lib=dylib=mlx");
    println!("cargo::metadata=include={}", mlx.include.display());
    println!("cargo::metadata=lib={}", mlx.lib.display());
    Ok(())
}

fn path_from_env(name: &str) -> Result<PathBuf, String> {
    env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set"))
}
