//! `cargo xtask parity`: fresh tiny checkpoints of all families, whose scores by mlx-lm ours must equal.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{golden, process, repo};

/// Compare every family's scores with mlx-lm on weights that were never seen before.
///
/// It needs what `cargo xtask golden` needs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask parity                  all families, with new random numbers
  cargo xtask parity llama --seed 7   one topic, with the numbers of an earlier run")]
pub struct Options {
    /// Which checkpoints, by the names of the scripts in `xtask/golden`; all of them if none is named.
    #[arg(value_name = "TOPIC")]
    pub topics: Vec<String>,
    /// What the random numbers depend on; without it, on the time.
    #[arg(long)]
    pub seed: Option<u32>,
}

/// What a script has that makes checkpoints with scores.
const MARK: &str = "folder / \"expected.safetensors\"";

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let scripts = root.join("xtask/golden");
    let topics = topics(&scripts, &options.topics)?;
    let seed = options.seed.map_or_else(now, Ok)?;
    let python = golden::ready_python(&root)?;
    let folder = tempfile::tempdir()?;
    for topic in topics {
        eprintln!("==> {topic} with seed {seed}");
        // Without Python's assertions, which are about the committed checkpoints.
        let mut script = Command::new(&python);
        script.args(["-B", "-O"]).arg(scripts.join("parity.py")).arg(topic);
        process::run(script.arg(folder.path()).arg(seed.to_string()).stdout(std::io::stderr()))?;
    }
    let mut test = process::cargo();
    test.args([
        "test",
        "--quiet",
        "-p",
        "mlx-lm",
        "--test",
        "it",
        "--",
        "--ignored",
        "--nocapture",
        "--exact",
    ]);
    test.arg("parity::fresh_checkpoints_have_the_scores_of_the_reference").current_dir(&root);
    process::run(test.env("MLX_PARITY", folder.path())).with_context(|| format!("seed {seed}"))
}

/// The topics that make checkpoints, or those of them that are named.
fn topics<'a>(scripts: &Path, named: &'a [String]) -> Result<Vec<&'a str>> {
    let mut known = Vec::new();
    for topic in golden::TOPICS {
        let path = scripts.join(format!("{topic}.py"));
        let script = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if script.contains(MARK) {
            known.push(*topic);
        }
    }
    match named.iter().find(|name| !known.contains(&name.as_str())) {
        Some(unknown) => bail!("no checkpoints of {unknown:?}: choose from {}", known.join(", ")),
        None if named.is_empty() => Ok(known),
        None => Ok(named.iter().map(String::as_str).collect()),
    }
}

fn now() -> Result<u32> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    Ok(u32::try_from(seconds % u64::from(u32::MAX))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(named: &[String]) -> Result<Vec<&str>> {
        topics(&Path::new(env!("CARGO_MANIFEST_DIR")).join("golden"), named)
    }

    #[test]
    fn topics_of_checkpoints_are_told_from_others() {
        let all = found(&[]).ok().unwrap_or_default();
        assert!(["dense", "foreign", "llama"].iter().all(|topic| all.contains(topic)), "{all:?}");
        assert!(!all.contains(&"ops") && !all.contains(&"prompt_cache"), "{all:?}");
    }

    #[test]
    fn a_topic_without_checkpoints_is_refused_with_those_that_have_some() {
        let message = found(&["ops".into()]).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains("\"ops\"") && message.contains("llama"), "{message}");
    }
}
