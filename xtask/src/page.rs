//! `cargo xtask page`: the page of `mlx serve`, as a user in Chromium sees it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::steps::{Outcome, unless_refused};
use crate::{assets, process, repo};

/// Test the page of `mlx serve` in Chromium.
///
/// Where there is no Chromium, it is installed if apt-get can do it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask page
  cargo xtask page --pictures seen                      keep pictures of what is seen
  cargo xtask page --files crates/mlx-serve/src/web     with files that are being worked on, without building them in
  cargo xtask page Keys                                 one group of the tests")]
pub struct Options {
    /// Which tests, as `GROUP` or `GROUP.NAME`; all of them if none is named.
    #[arg(value_name = "TEST")]
    pub tests: Vec<String>,
    /// A folder for pictures of what is seen.
    #[arg(long, value_name = "DIR")]
    pub pictures: Option<PathBuf>,
    /// A folder whose files are shown in place of those that are built in.
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,
}

/// What the tests read.
const ASSETS: [&str; 3] = ["smollm2", "speech", "whisper-tiny.en"];

/// Programs that do.
const BROWSERS: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    let root = repo::root()?;
    process::run(process::cargo().current_dir(&root).args(["build", "-p", "mlx-cli"]))?;
    if let Outcome::Skipped(why) = test(options)? {
        eprintln!("skipped: {why}");
    }
    Ok(())
}

/// The tests alone, of the program that is built.
pub fn test(options: &Options) -> Result<Outcome> {
    let root = repo::root()?;
    let chromium = match chromium() {
        Ok(chromium) => chromium,
        Err(why) => return Ok(Outcome::Skipped(why)),
    };
    let groups = ASSETS.map(String::from).to_vec();
    let fetched = unless_refused(assets::run(&assets::Options { groups }))?;
    if matches!(fetched, Outcome::Skipped(_)) {
        return Ok(fetched);
    }
    let mut python = Command::new("python3");
    python.arg("-B").arg(root.join("crates/mlx-serve/tests/page/main.py"));
    python.arg("--mlx").arg(repo::target(&root)?.join("debug/mlx"));
    python.args(["--chromium", chromium]);
    for (flag, folder) in [("--shots", &options.pictures), ("--files", &options.files)] {
        if let Some(folder) = folder {
            python.arg(flag).arg(std::path::absolute(folder)?);
        }
    }
    process::run(python.args(&options.tests))?;
    Ok(Outcome::Done)
}

/// A browser, or why there is none.
fn chromium() -> Result<&'static str, String> {
    if let Some(found) = installed() {
        return Ok(found);
    }
    if !Path::new("/usr/bin/apt-get").exists() {
        return Err("no Chromium: install it".into());
    }
    let is_root = process::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if !is_root {
        return Err("no Chromium: apt-get install chromium".into());
    }
    apt(&["update"])?;
    // Without a font the page would be measured without letters.
    apt(&["install", "--yes", "--no-install-recommends", "chromium", "fonts-roboto-unhinted"])?;
    installed().ok_or_else(|| "no Chromium, although apt-get installed it".into())
}

fn installed() -> Option<&'static str> {
    BROWSERS.into_iter().find(|browser| process::is_installed(browser, &[]))
}

fn apt(arguments: &[&str]) -> Result<(), String> {
    let mut apt = Command::new("apt-get");
    apt.arg("--quiet").args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
    process::output(&mut apt).map(drop).map_err(|error| format!("no Chromium: {error}"))
}
