//! `cargo xtask fuzz`: the targets of `fuzz/`, which feed mlx-core what nobody would write, under AddressSanitizer.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::{process, repo, sanitize};

/// Feed mlx-core arbitrary files, indices and shapes, and stop at the first crash.
#[derive(Args)]
#[command(after_help = "\
An input that crashes is kept under fuzz/artifacts, and what was tried under fuzz/corpus.

Examples:
  cargo xtask fuzz --minutes 10       every target for ten minutes
  cargo xtask fuzz index --minutes 1  one of them")]
pub struct Options {
    /// The name of a file in fuzz/fuzz_targets; all if absent.
    pub target: Option<String>,
    /// How long each target runs.
    #[arg(long, default_value_t = 5)]
    pub minutes: u32,
}

/// An input that takes longer, in seconds, counts as a hang.
const HANG: u32 = 30;
/// MLX keeps freed buffers for reuse, so that the process is larger than what it uses.
const MEGABYTES: u32 = 4096;

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    let known = targets(&root)?;
    let chosen = match &options.target {
        Some(target) if known.contains(target) => vec![target.clone()],
        Some(target) => bail!("no target {target}: there are {}", known.join(", ")),
        None => known,
    };
    if process::output(process::nightly(&root)?.args(["fuzz", "--version"])).is_err() {
        bail!("cargo-fuzz is not installed: cargo install cargo-fuzz --locked");
    }
    for target in chosen {
        eprintln!("==> {target}");
        let mut cargo = process::nightly(&root)?;
        cargo.args(["fuzz", "run", &target, "--target-dir"]).arg(repo::target(&root)?.join("fuzz"));
        cargo.arg("--").arg(format!("-max_total_time={}", options.minutes * 60));
        cargo.args([
            format!("-timeout={HANG}"),
            format!("-rss_limit_mb={MEGABYTES}"),
            "-detect_leaks=0".into(),
        ]);
        sanitize::instrument_c(&mut cargo);
        process::run(&mut cargo)?;
    }
    Ok(())
}

/// The targets that there are, by name.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_declared() {
        let root = repo::root().unwrap();
        let manifest = std::fs::read_to_string(root.join("fuzz/Cargo.toml")).unwrap();
        for target in targets(&root).unwrap() {
            assert!(manifest.contains(&format!("path = \"fuzz_targets/{target}.rs\"")), "{target}");
        }
    }

    #[test]
    fn an_unknown_target_is_refused_with_those_that_exist() {
        let options = Options { target: Some("none".into()), minutes: 1 };
        let message = run(&options).unwrap_err().to_string();
        assert!(message.starts_with("no target none: there are ") && message.contains("index"), "{message}");
    }
}
