//! `cargo xtask bench`: how fast models run on this machine, beside other programs.

mod child;
mod cpu;
mod gguf;
mod llama_build;
mod machine;
mod model;
mod program;
mod random;
mod report;
mod safetensors;
mod shape;
mod synthetic;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Measure how fast models run, beside other programs.
#[derive(Args)]
#[command(disable_help_subcommand = true)]
pub struct Options {
    #[command(subcommand)]
    device: Device,
}

#[derive(Subcommand)]
enum Device {
    Cpu(cpu::Options),
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    match &options.device {
        Device::Cpu(options) => cpu::run(options),
    }
}
