//! `mlx`: language models on MLX from the command line.

#![forbid(unsafe_code)]

mod args;
mod cache;
mod command;
mod download;
mod drafting;
mod failure;
mod form;
mod sampling;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let result = match Args::parse().command {
        Command::Generate(options) => command::generate::run(&options),
        Command::Logits(options) => command::logits::run(&options),
        Command::Info(options) => command::info::run(&options),
    };
    failure::report(result)
}
