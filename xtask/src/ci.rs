//! `cargo xtask ci`: what the workflows run, so that it can be run anywhere.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::steps::{Outcome, Steps, done, unless_refused};
use crate::{assets, fuzz, process, repo, sanitize, test, vendor};

/// Run one job of the continuous integration.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask ci linux     the same as cargo xtask test
  cargo xtask ci metal     the whole suite on an Apple GPU
  cargo xtask ci msrv      build with the oldest supported Rust
  cargo xtask ci nightly   advisories, the long tests, mlx-core under AddressSanitizer, and fuzzing")]
pub struct Options {
    /// Which job.
    pub job: Job,
}

/// A job of the workflows.
#[derive(Clone, Copy, ValueEnum)]
pub enum Job {
    Linux,
    Metal,
    Msrv,
    Nightly,
}

/// What the long tests read.
const NIGHTLY_ASSETS: [&str; 6] = ["smollm2", "digits", "minilm", "whisper-tiny.en", "silero-vad", "speech"];

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    match options.job {
        Job::Linux => test::suite(vendor::Backend::Cpu, None),
        Job::Metal => test::suite(vendor::Backend::Metal, Some("gpu")),
        Job::Msrv => msrv(&repo::root()?),
        Job::Nightly => nightly(&repo::root()?),
    }
}

/// Builds with the `rust-version` of the workspace.
fn msrv(root: &Path) -> Result<()> {
    let packages = repo::metadata(root)?.packages;
    let oldest = packages.iter().filter_map(|package| package.rust_version.as_ref()).max();
    let oldest = oldest.context("no crate has a rust-version")?.to_string();
    let mut steps = Steps::default();
    steps.run("vendor", || done(vendor::run(&vendor::Options { backend: None })))?;
    steps.run("toolchain", || install(&oldest))?;
    steps.run("check", || with(root, &oldest, &["check", "--workspace", "--all-targets"]))?;
    steps.finish();
    Ok(())
}

/// The tests that take long, and those that look for memory errors.
fn nightly(root: &Path) -> Result<()> {
    let groups = NIGHTLY_ASSETS.map(String::from).to_vec();
    let mut steps = Steps::default();
    steps.run("vendor", || done(vendor::run(&vendor::Options { backend: None })))?;
    steps.run("assets", || unless_refused(assets::run(&assets::Options { groups })))?;
    steps.run("advisories", || advisories(root))?;
    steps.run("tests", || {
        let mut cargo = process::cargo();
        done(process::run(cargo.current_dir(root).args(["test", "--release", "--workspace"])))
    })?;
    steps.run("toolchain", || install("nightly"))?;
    steps.run("sanitize", || done(sanitize::run(&sanitize::Options { filter: None })))?;
    steps.run("fuzz", || {
        if !process::is_installed("cargo", &["fuzz"]) {
            process::run(process::cargo().args(["install", "--locked", "cargo-fuzz"]))?;
        }
        done(fuzz::run(&fuzz::Options { target: None, minutes: 5 }))
    })?;
    steps.finish();
    Ok(())
}

/// Known weaknesses of the dependencies: they appear without a change of ours, so they are not part of `test`.
fn advisories(root: &Path) -> Result<Outcome> {
    if !process::is_installed("cargo", &["deny"]) {
        process::run(process::cargo().args(["install", "--locked", "cargo-deny"]))?;
    }
    done(process::run(process::cargo().current_dir(root).args([
        "deny",
        "--workspace",
        "check",
        "advisories",
    ])))
}

fn install(toolchain: &str) -> Result<Outcome> {
    done(process::run(Command::new("rustup").args([
        "toolchain",
        "install",
        toolchain,
        "--profile",
        "minimal",
    ])))
}

/// Runs cargo of another toolchain.
fn with(root: &Path, toolchain: &str, arguments: &[&str]) -> Result<Outcome> {
    let mut rustup = Command::new("rustup");
    rustup.current_dir(root).args(["run", toolchain, "cargo"]).args(arguments);
    rustup.env_remove("CARGO").env_remove("RUSTC");
    done(process::run(&mut rustup))
}
