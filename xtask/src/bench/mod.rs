//! `cargo xtask bench`: how fast models run on this machine, beside other programs, and kernels, beside what it can do.

mod child;
mod cpu;
mod document;
mod embed;
mod gguf;
mod kernel_table;
mod kernels;
mod llama_build;
mod machine;
mod model;
mod program;
mod random;
mod report;
mod safetensors;
mod series;
mod serve;
mod shape;
mod speech;
mod synthetic;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Measure how fast models run, beside other programs, and kernels, beside what the machine can do.
#[derive(Args)]
#[command(disable_help_subcommand = true)]
pub struct Options {
    #[command(subcommand)]
    subject: Subject,
}

#[derive(Subcommand)]
enum Subject {
    Cpu(cpu::Options),
    Embed(embed::Options),
    Kernels(kernels::Options),
    Serve(serve::Options),
    Speech(speech::Options),
}

/// Runs the subcommand.
pub fn run(options: &Options) -> Result<()> {
    match &options.subject {
        Subject::Cpu(options) => cpu::run(options),
        Subject::Embed(options) => embed::run(options),
        Subject::Kernels(options) => kernels::run(options),
        Subject::Serve(options) => serve::run(options),
        Subject::Speech(options) => speech::run(options),
    }
}
