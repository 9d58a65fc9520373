//! `cargo xtask dist`: the `mlx` program in a folder that can be moved, and an archive of it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{process, repo, unpack, vendor};

/// Build `mlx` and lay it out with its libraries under dist/, as a folder and as a .tar.gz.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask dist                    dist/mlx-VERSION-TARGET/{bin,lib} and the archive
  cargo xtask dist --check            also move a copy away and run it there
  cargo xtask dist --backend cuda12   with the libmlx for CUDA 12")]
pub struct Options {
    /// Which libmlx [default: cpu on Linux, metal on macOS].
    #[arg(long)]
    pub backend: Option<vendor::Backend>,
    /// Run `mlx --version` from a copy in a temporary folder.
    #[arg(long)]
    pub check: bool,
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let backend = options.backend.unwrap_or_else(vendor::Backend::native);
    vendor::run(&vendor::Options { backend: Some(backend) })?;
    process::run(process::cargo().current_dir(&root).args(build_arguments(backend)))?;
    let name = format!("mlx-{}-{}", version(&root)?, repo::host()?);
    let folder = root.join("dist").join(&name);
    let libraries = root.join("vendor/mlx").join(backend.name());
    unpack::remove(&folder)?;
    lay_out(&root, &repo::target(&root)?.join("release/mlx"), &libraries, &folder)?;
    if options.check {
        check(&folder)?;
    }
    let archive = format!("{name}.tar.gz");
    process::output(Command::new("tar").current_dir(root.join("dist")).args(["-czf", &archive, &name]))?;
    println!("dist: dist/{name} and dist/{archive}");
    Ok(())
}

fn build_arguments(backend: vendor::Backend) -> Vec<&'static str> {
    let mut arguments = vec!["build", "--release", "-p", "mlx-cli"];
    if backend.is_cuda() {
        arguments.extend(["--features", "cuda"]);
    }
    arguments
}

fn version(root: &Path) -> Result<String> {
    let packages = repo::metadata(root)?.packages;
    let cli = packages.into_iter().find(|package| *package.name == "mlx-cli");
    Ok(cli.context("the workspace has no crate mlx-cli")?.version.to_string())
}

/// The program looks for libmlx in `../lib/mlx/lib`, and libmlx for its own libraries in `../../*.libs`.
fn lay_out(root: &Path, program: &Path, libraries: &Path, folder: &Path) -> Result<()> {
    copy_file(program, &folder.join("bin/mlx"))?;
    unpack::copy(&libraries.join("mlx/lib"), &folder.join("lib/mlx/lib"))?;
    for path in entries(libraries)? {
        let name = path.file_name().unwrap_or_default().to_owned();
        match path.extension().and_then(|end| end.to_str()) {
            Some("libs") => unpack::copy(&path, &folder.join("lib").join(name))?,
            Some("dist-info") => unpack::copy(&path.join("licenses"), &folder.join("licenses/mlx"))?,
            _ if name == "nvidia" => unpack::copy(&path, &folder.join("lib").join(name))?,
            _ => {}
        }
    }
    copy_file(&root.join("vendor/mlx-c/LICENSE"), &folder.join("licenses/mlx-c/LICENSE"))?;
    for name in ["LICENSE-MIT", "LICENSE-APACHE", "README.md"] {
        copy_file(&root.join(name), &folder.join(name))?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || folder.display().to_string();
    let entries = std::fs::read_dir(folder).with_context(context)?;
    entries.map(|entry| Ok(entry.with_context(context)?.path())).collect()
}

fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let parent = to.parent().unwrap_or(to);
    std::fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    std::fs::copy(from, to).with_context(|| from.display().to_string())?;
    Ok(())
}

/// Runs a moved copy, and looks that it loads the libmlx that moved with it.
fn check(folder: &Path) -> Result<()> {
    let elsewhere = tempfile::tempdir().context("no temporary folder")?;
    let moved = elsewhere.path().join("mlx");
    unpack::copy(folder, &moved)?;
    let moved = moved.canonicalize().context("the moved folder")?;
    let version = process::output(alone(&moved.join("bin/mlx")).arg("--version"))?;
    let loaded = loaded_libraries(&moved.join("bin/mlx"))?;
    let libmlx = loaded.lines().find(|line| line.contains("libmlx.")).context("mlx does not load libmlx")?;
    if !libmlx.contains(&moved.display().to_string()) {
        bail!("a moved mlx loads a libmlx from elsewhere: {}", libmlx.trim());
    }
    println!("dist: a moved copy runs: {}", version.trim());
    Ok(())
}

fn loaded_libraries(program: &Path) -> Result<String> {
    if cfg!(target_os = "macos") {
        let mut mlx = alone(program);
        let output = mlx.arg("--version").env("DYLD_PRINT_LIBRARIES", "1").stdin(Stdio::null()).output();
        let output = output.with_context(|| program.display().to_string())?;
        return Ok(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    process::output(alone(Path::new("ldd")).arg(program))
}

/// A program that does not get cargo's library paths.
fn alone(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH").env_remove("DYLD_FALLBACK_LIBRARY_PATH");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_keeps_the_libraries_where_their_rpaths_point() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for path in [
            "mlx-program",
            "wheel/mlx/lib/libmlx.so",
            "wheel/mlx/include/mlx.h",
            "wheel/mlx_cpu.libs/libblas.so.3",
            "wheel/mlx_cpu-1.dist-info/licenses/LICENSE",
            "vendor/mlx-c/LICENSE",
            "LICENSE-MIT",
            "LICENSE-APACHE",
            "README.md",
        ] {
            copy_file(&file(root), &root.join(path)).unwrap();
        }
        lay_out(root, &root.join("mlx-program"), &root.join("wheel"), &root.join("out")).unwrap();
        for path in
            ["bin/mlx", "lib/mlx/lib/libmlx.so", "lib/mlx_cpu.libs/libblas.so.3", "licenses/mlx/LICENSE"]
        {
            assert!(root.join("out").join(path).is_file(), "{path}");
        }
        assert!(!root.join("out/lib/mlx/include").exists());
    }

    fn file(root: &Path) -> PathBuf {
        let path = root.join("empty");
        std::fs::write(&path, "").unwrap();
        path
    }
}
