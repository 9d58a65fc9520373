//! `mlx chat`: a conversation, line by line.

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use mlx_lm::{ChatEvent, ChatSession, GenerateOptions, LanguageModel};

use crate::args::ModelArgs;
use crate::arithmetic::Arithmetic;
use crate::cache::Cache;
use crate::failure::Outcome;
use crate::sampling::Sampling;

/// Talk with a model.
///
/// Each line is a message. The model remembers the conversation, so an answer costs no more than what is new. What it
/// thinks goes to stderr, its answers to stdout.
#[derive(Debug, Args)]
#[command(after_help = "\
Lines that are commands:
  q    end
  r    begin anew
  h    help

Examples:
  mlx chat --model HuggingFaceTB/SmolLM2-135M-Instruct
  mlx chat --model ./model --system-prompt 'Answer in one sentence.' --temperature 0.7")]
pub(crate) struct Chat {
    #[command(flatten)]
    model: ModelArgs,
    /// An instruction that goes before the conversation
    #[arg(long, value_name = "TEXT")]
    system_prompt: Option<String>,
    /// The most tokens of an answer
    #[arg(long, short, value_name = "N", default_value_t = 4096)]
    max_tokens: usize,
    #[command(flatten)]
    sampling: Sampling,
    #[command(flatten)]
    arithmetic: Arithmetic,
    /// Prompt tokens that are run together
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().prefill_step)]
    prefill_step_size: usize,
    #[command(flatten)]
    cache: Cache,
}

const HELP: &str = "q: end, r: begin anew, h: help; any other line is a message";

/// Answers line by line, until the end of stdin.
pub(crate) fn run(args: &Chat) -> Outcome {
    let model = args.arithmetic.loader(&args.model)?.load()?;
    let mut session = begin(&model, args)?;
    if io::stdin().is_terminal() {
        writeln!(io::stderr(), "{HELP}")?;
    }
    let mut lines = io::stdin().lock().lines();
    loop {
        invite()?;
        let Some(line) = lines.next().transpose()? else { return Ok(()) };
        match line.trim() {
            "" => {}
            "q" => return Ok(()),
            "r" => session = begin(&model, args)?,
            "h" => writeln!(io::stderr(), "{HELP}")?,
            message => answer(&mut session, message)?,
        }
    }
}

/// A conversation without messages.
fn begin<'m>(model: &'m LanguageModel, args: &Chat) -> mlx_lm::Result<ChatSession<'m>> {
    let session = ChatSession::new(model)?.options(GenerateOptions {
        max_tokens: args.max_tokens,
        sampler: args.sampling.sampler(model)?,
        processors: args.sampling.processors(),
        prefill_step: args.prefill_step_size,
        cache: args.cache.options(),
        ..GenerateOptions::default()
    })?;
    Ok(match &args.system_prompt {
        Some(text) => session.system(text),
        None => session,
    })
}

/// Shows on a terminal that it is the user's turn.
fn invite() -> io::Result<()> {
    if io::stdin().is_terminal() {
        write!(io::stderr(), ">> ")?;
        io::stderr().flush()?;
    }
    Ok(())
}

fn answer(session: &mut ChatSession<'_>, message: &str) -> Outcome {
    let mut out = io::stdout();
    for event in session.send(message)? {
        match event? {
            ChatEvent::Text(text) => {
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
            ChatEvent::Reasoning(text) => io::stderr().write_all(text.as_bytes())?,
            ChatEvent::ToolCall(_) | ChatEvent::Rejected(_) | ChatEvent::Finished(_) => {}
        }
    }
    writeln!(out)?;
    Ok(())
}
