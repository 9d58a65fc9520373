//! `cargo xtask test`: everything that a change must pass, in the order of what fails soonest.

use std::path::Path;

use anyhow::Result;
use clap::Args;

use crate::steps::{Outcome, Steps, done, unless_refused};
use crate::{assets, clients, coverage, page, process, regen_bindings, repo, tidy, vendor};

/// Run every check and every test: format, lints, tidy, licences, bindings, tests, the page and the clients of the server, docs.
///
/// Stops at the first step that fails. The last line lists what was skipped, and why.
#[derive(Args)]
#[command(after_help = "\
cargo-deny and cargo-nextest are used if they are installed.

Examples:
  cargo xtask test")]
pub struct Options {}

/// What the tests read.
const ASSETS: [&str; 10] = [
    "digits",
    "kokoro",
    "librivox",
    "minilm",
    "resemblyzer",
    "silero-vad",
    "smollm2",
    "speech",
    "whisper-base",
    "whisper-tiny.en",
];

/// Runs the subcommand.
pub fn run() -> Result<()> {
    suite(vendor::Backend::native(), None)
}

/// Every step, with libmlx of one backend; `device` is where tests with a choice run.
pub fn suite(backend: vendor::Backend, device: Option<&str>) -> Result<()> {
    let root = repo::root()?;
    let cargo = |arguments: &[&str]| run_cargo(&root, arguments, device);
    let mut steps = Steps::default();
    steps.run("vendor", || done(vendor::run(&vendor::Options { backend: Some(backend) })))?;
    let groups = ASSETS.map(String::from).to_vec();
    steps.run("assets", || unless_refused(assets::run(&assets::Options { groups })))?;
    steps.run("format", || cargo(&["fmt", "--all", "--check"]))?;
    steps.run("tidy", || done(tidy::run(&tidy::Options { fix: false })))?;
    steps
        .run("bindings", || unless_refused(regen_bindings::run(&regen_bindings::Options { check: true })))?;
    steps.run("deny", || {
        if process::is_installed("cargo", &["deny"]) {
            return cargo(&["deny", "--workspace", "check", "bans", "licenses", "sources"]);
        }
        Ok(Outcome::Skipped("not installed: cargo install cargo-deny --locked".into()))
    })?;
    steps.run("clippy", || cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    steps.run("tests", || cargo(test_runner()))?;
    // The tests have built the program.
    steps.run("page", || page::test(&page::Options { tests: Vec::new(), pictures: None, files: None }))?;
    steps.run("clients", || {
        if device.is_some() {
            return Ok(Outcome::Skipped("its answers are those of the CPU".into()));
        }
        unless_refused(clients::test(&clients::Options { topics: Vec::new() }))
    })?;
    steps.run("doctests", || cargo(&["test", "--workspace", "--doc"]))?;
    steps.run("docs", || docs(&root))?;
    steps.run("coverage", || {
        if coverage::CAN_TELL {
            return done(coverage::run(&coverage::Options { check: true }));
        }
        Ok(Outcome::Skipped("told on x86-64 Linux".into()))
    })?;
    steps.finish();
    Ok(())
}

fn test_runner() -> &'static [&'static str] {
    if process::is_installed("cargo", &["nextest"]) {
        &["nextest", "run", "--workspace"]
    } else {
        &["test", "--workspace", "--lib", "--bins", "--tests"]
    }
}

fn docs(root: &Path) -> Result<Outcome> {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings");
    done(process::run(&mut cargo))
}

fn run_cargo(root: &Path, arguments: &[&str], device: Option<&str>) -> Result<Outcome> {
    let mut cargo = process::cargo();
    cargo.current_dir(root).args(arguments);
    if let Some(device) = device {
        cargo.env("MLX_TEST_DEVICE", device);
    }
    done(process::run(&mut cargo))
}
