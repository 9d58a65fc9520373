//! `mlx doctor`: what there is to compute with, and what is wrong.

mod build;
mod checkpoint;
mod hub;
mod memory;
mod processor;
mod report;
mod self_test;
mod surroundings;

use std::io::Write;

use clap::{Args, ValueHint};

use self::report::Report;
use crate::failure::{Outcome, Told};
use crate::stdout::stdout;
use crate::terminal::Paint;

/// Tell what there is to compute with, try it, and say what is wrong and what to do.
///
/// What does not work is `wrong`, and the exit status is then 1; a `note` is of what could be better or is unusual. With
/// --model a checkpoint is checked, too: its files, config, tokenizer and chat template, and whether it fits in memory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx doctor
  mlx doctor --model HuggingFaceTB/SmolLM2-135M-Instruct
  mlx doctor --model ./model.gguf --offline
  mlx doctor --json")]
pub(crate) struct Doctor {
    /// Check this checkpoint, too: a folder, a GGUF file or a Hub id
    #[arg(long, value_name = "DIR|FILE.gguf|HUB_ID", value_hint = ValueHint::AnyPath)]
    model: Option<String>,
    /// Use only what is already on this machine
    #[arg(long)]
    offline: bool,
    /// Write one JSON object: facts by their section, `findings`, and whether all is `ok`
    #[arg(long)]
    json: bool,
}

/// Looks, tries and prints.
pub(crate) fn run(args: &Doctor) -> Outcome {
    let mut report = Report::default();
    build::examine(&mut report)?;
    processor::examine(&mut report)?;
    let available = memory::examine(&mut report);
    hub::examine(&mut report);
    surroundings::examine(&mut report);
    self_test::examine(&mut report);
    if let Some(model) = &args.model {
        checkpoint::examine(&mut report, model, args.offline, available);
    }
    let mut out = stdout();
    if args.json {
        writeln!(out, "{}", report.object())?;
    } else {
        report.print(&mut out, Paint::stdout())?;
    }
    if report.is_wrong() { Err(Told.into()) } else { Ok(()) }
}
