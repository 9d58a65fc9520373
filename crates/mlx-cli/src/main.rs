//! `mlx`: models of language, images and speech on MLX from the command line.

#![forbid(unsafe_code)]

mod args;
mod arithmetic;
mod cache;
mod command;
mod cpus;
mod device;
mod download;
mod drafting;
mod examples;
mod failure;
mod file;
mod form;
mod interrupt;
mod kind;
mod progress;
mod prompt;
mod records;
mod sampling;
mod shown;
mod stdout;
mod terminal;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use failure::{Outcome, Teller};

/// For MLX too, which allocates some dozens of small things for each op.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let teller = Teller::new(std::env::args_os());
    match Args::try_parse() {
        Ok(args) => {
            // A server listens to signals itself.
            if !matches!(args.command, Command::Serve(_)) {
                interrupt::listen();
            }
            teller.report(run(args.command))
        }
        Err(error) => teller.refuse(&error),
    }
}

fn run(command: Command) -> Outcome {
    match command {
        Command::Generate(options) => command::generate::run(&options),
        Command::Chat(options) => command::chat::run(&options),
        Command::Logits(options) => command::logits::run(&options),
        Command::Info(options) => command::info::run(&options),
        Command::Convert(options) => command::convert::run(&options),
        Command::Quantize(options) => command::convert::quantize(&options),
        Command::Perplexity(options) => command::perplexity::run(&options),
        Command::Bench(options) => command::bench::run(&options),
        Command::CachePrompt(options) => command::cache_prompt::run(&options),
        Command::Embed(options) => command::embed::run(&options),
        Command::Encode(options) => command::encode::run(&options),
        Command::Codec(options) => command::codec::run(&options),
        Command::Rerank(options) => command::rerank::run(&options),
        Command::Serve(options) => command::serve::run(&options),
        Command::Speak(options) => command::speak::run(&options),
        Command::Transcribe(options) => command::transcribe::run(&options),
        Command::Vad(options) => command::vad::run(&options),
        Command::Doctor(options) => command::doctor::run(&options),
        Command::Completions(options) => command::completions::run(&options),
        Command::Man(options) => command::man::run(&options),
    }
}
