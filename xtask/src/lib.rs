//! `cargo xtask`: everything that the repository does to itself. Each subcommand has a file of its name.
//!
//! A library, because Cargo leaves packages without one out of `cargo test --doc`: with other packages come other
//! features, and the whole workspace would be built a second time.
#![forbid(unsafe_code)]

mod archive;
mod assets;
mod bench;
mod ci;
mod clients;
mod coverage;
mod demo;
mod digest;
mod dist;
mod fuzz;
mod golden;
mod host;
mod libclang;
mod mlx_c;
mod page;
mod parity;
mod pins;
mod process;
mod python;
mod raw;
mod regen_bindings;
mod repo;
mod sanitize;
mod steps;
mod test;
mod tidy;
mod unpack;
mod vendor;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of this repository: fetch what it builds on, generate, check, test, package.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Vendor(vendor::Options),
    RegenBindings(regen_bindings::Options),
    Tidy(tidy::Options),
    Assets(assets::Options),
    Golden(golden::Options),
    Parity(parity::Options),
    Page(page::Options),
    Demo(demo::Options),
    Clients(clients::Options),
    Test(test::Options),
    Bench(bench::Options),
    Coverage(coverage::Options),
    Sanitize(sanitize::Options),
    Fuzz(fuzz::Options),
    Ci(ci::Options),
    Dist(dist::Options),
}

/// Runs the subcommand of the command line, and says what became of it.
pub fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(if error.is::<archive::Refused>() { 3 } else { 1 })
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Vendor(options) => vendor::run(&options),
        Task::RegenBindings(options) => regen_bindings::run(&options),
        Task::Tidy(options) => tidy::run(&options),
        Task::Assets(options) => assets::run(&options),
        Task::Golden(options) => golden::run(&options),
        Task::Parity(options) => parity::run(&options),
        Task::Page(options) => page::run(&options),
        Task::Demo(options) => demo::run(&options),
        Task::Clients(options) => clients::run(&options),
        Task::Test(_) => test::run(),
        Task::Bench(options) => bench::run(&options),
        Task::Coverage(options) => coverage::run(&options),
        Task::Sanitize(options) => sanitize::run(&options),
        Task::Fuzz(options) => fuzz::run(&options),
        Task::Ci(options) => ci::run(&options),
        Task::Dist(options) => dist::run(&options),
    }
}
