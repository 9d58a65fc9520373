//! llama.cpp's programs, built from its sources for this very processor.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use anyhow::{Context, Result};

use crate::pins::{self, Pins};
use crate::{process, unpack};

/// What CMake is told. Its own threads are faster than OpenMP's, and its matrix kernels are on.
const SETTINGS: [&str; 10] = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DGGML_NATIVE=ON",
    "-DGGML_LLAMAFILE=ON",
    "-DGGML_OPENMP=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
    "-DLLAMA_BUILD_APP=OFF",
];

/// A program of llama.cpp, fetched and built under `vendor/llama.cpp` unless it is there.
pub fn program(root: &Path, name: &str) -> Result<PathBuf> {
    let pin = Pins::read(root)?.llama_cpp;
    let folder = root.join("vendor/llama.cpp");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    // CMake remembers its folders without links.
    let folder = folder.canonicalize().with_context(|| folder.display().to_string())?;
    let source = folder.join("source");
    if !unpack::is_current(&source, &pin.archive.sha256) {
        let archive = pin.archive.fetch(&root.join("vendor/cache"))?;
        unpack::fill(&source, &pin.archive.sha256, |partial| unpack::tar(&archive, &pin.folder, partial))?;
    }
    build(&cmake(&folder, &pin.cmake)?, &source, &folder.join("build"), name)
}

/// Its version, and what it is built with.
pub fn version(root: &Path) -> Result<String> {
    let pins::LlamaCpp { archive, .. } = Pins::read(root)?.llama_cpp;
    Ok(format!("{} {}, -march=native, GGML_LLAMAFILE, no OpenMP", archive.package, archive.version))
}

/// CMake in a Python environment of its own.
fn cmake(folder: &Path, version: &str) -> Result<PathBuf> {
    let venv = folder.join(format!("cmake-{version}"));
    let cmake = venv.join("bin/cmake");
    if !cmake.exists() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/python"));
        process::run(pip.args(["-m", "pip", "install", "--quiet", &format!("cmake=={version}")]))?;
    }
    Ok(cmake)
}

/// Builds one program; where it is built already, that takes a second.
fn build(cmake: &Path, source: &Path, folder: &Path, name: &str) -> Result<PathBuf> {
    let program = folder.join("bin").join(name);
    let mut configure = Command::new(cmake);
    configure.arg("-S").arg(source).arg("-B").arg(folder).args(SETTINGS);
    process::output(&mut configure)?;
    let jobs = thread::available_parallelism().map_or(1, usize::from).to_string();
    let mut build = Command::new(cmake);
    build.arg("--build").arg(folder).args(["--target", name, "--parallel", &jobs]);
    if program.exists() {
        process::output(&mut build)?;
    } else {
        eprintln!("==> building {name} of llama.cpp takes some minutes");
        process::run(build.stdout(io::stderr()))?;
    }
    Ok(program)
}
