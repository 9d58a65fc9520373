//! `cargo xtask golden [TOPIC...]`: rewrites the fixtures under `crates/*/tests/golden` with the Python packages
//! pinned in `xtask/golden/requirements.txt`. Needs Python 3.11 or later and a package index, so it never runs in CI.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The scripts of `xtask/golden`, one a topic, in the order they run.
const TOPICS: &[&str] = &["ops", "rope", "quant", "llama"];

/// Runs the scripts of `topics`, or all of them when there are none.
pub fn run(topics: &[String]) -> Result<(), String> {
    let topics = chosen(topics)?;
    let root = workspace_root()?;
    let python = ready_python(&root)?;
    for topic in topics {
        let script = root.join("xtask/golden").join(format!("{topic}.py"));
        succeed(Command::new(&python).arg("-B").arg(script).current_dir(&root))?;
    }
    Ok(())
}

fn chosen(topics: &[String]) -> Result<Vec<&str>, String> {
    if topics.is_empty() {
        return Ok(TOPICS.to_vec());
    }
    match topics.iter().find(|topic| !TOPICS.contains(&topic.as_str())) {
        Some(unknown) => Err(format!("no golden topic {unknown:?}: choose from {}", TOPICS.join(", "))),
        None => Ok(topics.iter().map(String::as_str).collect()),
    }
}

fn workspace_root() -> Result<PathBuf, String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(Path::to_path_buf).ok_or_else(|| format!("{} has no parent", manifest.display()))
}

/// The interpreter of `.venv`, which is created when absent and filled again when the requirements change.
fn ready_python(root: &Path) -> Result<PathBuf, String> {
    let venv = root.join(".venv");
    let python = venv.join("bin/python");
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let requirements = root.join("xtask/golden/requirements.txt");
    let installed = venv.join("golden-requirements.txt");
    let wanted = fs::read(&requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    if fs::read(&installed).is_ok_and(|present| present == wanted) {
        return Ok(python);
    }
    succeed(
        Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement"]).arg(&requirements),
    )?;
    fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(python)
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let line = format!("{} {}", command.get_program().display(), arguments(command));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` failed: {status}")),
        Err(error) => Err(format!("`{line}` did not start: {error}")),
    }
}

fn arguments(command: &Command) -> String {
    command.get_args().map(|argument| argument.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_topic_means_every_topic() {
        assert_eq!(chosen(&[]).unwrap(), TOPICS);
    }

    #[test]
    fn an_unknown_topic_is_refused_with_the_choices() {
        let error = chosen(&["ops".to_owned(), "lama".to_owned()]).unwrap_err();
        assert_eq!(error, "no golden topic \"lama\": choose from ops, rope, quant, llama");
    }

    #[test]
    fn every_topic_has_a_script() {
        let scripts = workspace_root().unwrap().join("xtask/golden");
        for topic in TOPICS {
            assert!(scripts.join(format!("{topic}.py")).is_file(), "{topic}");
        }
    }

    #[test]
    fn a_failing_command_is_named() {
        let error = succeed(Command::new("false").arg("--now")).unwrap_err();
        assert!(error.starts_with("`false --now` failed"), "{error}");
    }
}
