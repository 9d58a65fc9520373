//! `cargo xtask vendor`: libmlx and mlx-c under `vendor/`, as `vendor/PINS.toml` pins them.

use std::path::Path;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::host::Host;
use crate::pins::Pins;
use crate::{mlx_c, repo, unpack};

/// Fetch libmlx and mlx-c into vendor/, checked by sha256. A second run does nothing.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask vendor                    the CPU library on Linux, the Metal one on macOS
  cargo xtask vendor --backend cuda12   the library for CUDA 12")]
pub struct Options {
    /// Which libmlx [default: cpu on Linux, metal on macOS].
    #[arg(long)]
    pub backend: Option<Backend>,
}

/// A build of libmlx.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Backend {
    Cpu,
    Metal,
    Cuda12,
    Cuda13,
}

impl Backend {
    /// What runs on this machine without a choice.
    pub fn native() -> Self {
        if cfg!(target_os = "macos") { Self::Metal } else { Self::Cpu }
    }

    /// Whether it needs NVIDIA's libraries.
    pub fn is_cuda(self) -> bool {
        matches!(self, Self::Cuda12 | Self::Cuda13)
    }

    /// The backend's name in PINS.toml and under `vendor/mlx`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Metal => "metal",
            Self::Cuda12 => "cuda12",
            Self::Cuda13 => "cuda13",
        }
    }
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let pins = Pins::read(&root)?;
    let backend = options.backend.unwrap_or_else(Backend::native);
    let bar = ProgressBar::new(2).with_style(ProgressStyle::with_template("{bar:20} {pos}/{len} {msg}")?);
    bar.set_message(format!("libmlx {} ({})", pins.mlx.version, backend.name()));
    let fetched_mlx = bar.suspend(|| libmlx(&root, &pins, backend))?;
    bar.inc(1);
    bar.set_message(format!("mlx-c {}", pins.mlx_c.version));
    let fetched_c = mlx_c_sources(&root, &pins)?;
    bar.finish_and_clear();
    let state = if fetched_mlx || fetched_c { "ready" } else { "up to date" };
    let (mlx, c, name) = (&pins.mlx.version, &pins.mlx_c.version, backend.name());
    println!("vendor: {state}: libmlx {mlx} in vendor/mlx/{name}, mlx-c {c} in vendor/mlx-c");
    nvidia_notice(&root, backend)
}

/// Unpacks the wheel of libmlx with its layout; false if it is there already.
fn libmlx(root: &Path, pins: &Pins, backend: Backend) -> Result<bool> {
    let wheel = pins.mlx_wheel(backend.name(), Host::current()?)?;
    let folder = root.join("vendor/mlx").join(backend.name());
    if unpack::is_current(&folder, &wheel.sha256) {
        return Ok(false);
    }
    let archive = wheel.fetch(&root.join("vendor/cache"))?;
    unpack::fill(&folder, &wheel.sha256, |partial| unpack::zip(&archive, partial))?;
    Ok(true)
}

/// Copies mlx-c's sources; false if they are there already.
fn mlx_c_sources(root: &Path, pins: &Pins) -> Result<bool> {
    let folder = root.join("vendor/mlx-c");
    if unpack::is_current(&folder, &pins.mlx_c.archive.sha256) {
        return Ok(false);
    }
    mlx_c::fetch(&pins.mlx_c.archive, &folder)?;
    Ok(true)
}

/// A CUDA build of libmlx loads NVIDIA's libraries, which come in wheels of their own.
fn nvidia_notice(root: &Path, backend: Backend) -> Result<()> {
    if !backend.is_cuda() {
        return Ok(());
    }
    let folder = root.join("vendor/mlx").join(backend.name());
    let needed: Vec<_> = requirements(&folder)?.iter().map(|one| format!("'{one}'")).collect();
    println!("vendor: at run time libmlx also needs NVIDIA's libraries; get them beside it with");
    println!("  python3 -m pip install --target vendor/mlx/{} {}", backend.name(), needed.join(" "));
    Ok(())
}

/// The `nvidia-*` wheels that an unpacked wheel asks for.
fn requirements(folder: &Path) -> Result<Vec<String>> {
    let context = || folder.display().to_string();
    let entries = std::fs::read_dir(folder)
        .with_context(context)?
        .collect::<Result<Vec<_>, _>>()
        .with_context(context)?;
    let info =
        entries.iter().map(|entry| entry.path()).find(|path| path.extension() == Some("dist-info".as_ref()));
    let metadata = info.with_context(context)?.join("METADATA");
    let text = std::fs::read_to_string(&metadata).with_context(|| metadata.display().to_string())?;
    let requirement =
        |line: &str| Some(line.strip_prefix("Requires-Dist: ")?.split(';').next()?.trim().to_owned());
    Ok(text.lines().filter_map(requirement).filter(|name| name.starts_with("nvidia-")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_lists_the_nvidia_wheels_only() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("mlx_cuda_12-1.dist-info")).unwrap();
        let metadata =
            "Name: x\nRequires-Dist: nvidia-cudnn-cu12==9.*\nRequires-Dist: numpy; extra == 'dev'\n";
        std::fs::write(folder.path().join("mlx_cuda_12-1.dist-info/METADATA"), metadata).unwrap();
        assert_eq!(requirements(folder.path()).unwrap(), ["nvidia-cudnn-cu12==9.*"]);
    }

    #[test]
    fn every_backend_is_pinned() {
        let pins: Pins = toml::from_str(include_str!("../../vendor/PINS.toml")).unwrap();
        for backend in Backend::value_variants() {
            assert!(pins.mlx.backends.contains_key(backend.name()));
        }
    }
}
