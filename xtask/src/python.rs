//! Environments of Python packages, each in a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::process;

/// The interpreter of an environment, which is created when absent and filled again when the requirements change.
pub fn ready(venv: &Path, requirements: &Path) -> Result<PathBuf> {
    let python = venv.join("bin/python");
    if !python.exists() {
        process::run(Command::new("python3").args(["-m", "venv"]).arg(venv))?;
    }
    let installed = venv.join("golden-requirements.txt");
    let wanted = fs::read(requirements).with_context(|| requirements.display().to_string())?;
    if fs::read(&installed).is_ok_and(|present| present == wanted) {
        return Ok(python);
    }
    process::run(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(requirements),
    )?;
    fs::write(&installed, wanted).with_context(|| installed.display().to_string())?;
    Ok(python)
}
