//! `mlx chat`: a conversation, line by line.

mod conversation;

use std::io::{self, BufRead, IsTerminal, Write};

use clap::Args;
use mlx_lm::{ChatEvent, GenerateOptions, LanguageModel};

use self::conversation::{Conversation, Talker};
use crate::args::ModelArgs;
use crate::arithmetic::Arithmetic;
use crate::cache::Cache;
use crate::failure::Outcome;
use crate::interrupt::{self, Hold};
use crate::progress::Busy;
use crate::sampling::Sampling;
use crate::stdout::stdout;
use crate::terminal::Paint;

/// Talk with a model.
///
/// Each line is a message. The model remembers the conversation, so an answer costs no more than what is new. What it
/// thinks goes to stderr, its answers to stdout. Ctrl-C ends an answer, or the program between answers.
#[derive(Debug, Args)]
#[command(after_help = "\
Lines that are commands:
  q         end
  r         begin anew
  i IMAGE   show this image with the next message, to a model that sees
  h         help

Examples:
  mlx chat --model HuggingFaceTB/SmolLM2-135M-Instruct
  mlx chat --model ./model --system-prompt 'Answer in one sentence.' --temperature 0.7
  mlx chat --model Qwen/Qwen2-VL-2B-Instruct")]
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

const HELP: &str = "q: end, r: begin anew, i IMAGE: show an image, h: help; any other line is a message";

/// Answers line by line, until the end of stdin.
pub(crate) fn run(args: &Chat) -> Outcome {
    let model = Talker::load(args)?;
    let mut conversation = model.begin(args)?;
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
            "r" => conversation = model.begin(args)?,
            "h" => writeln!(io::stderr(), "{HELP}")?,
            line => match line.strip_prefix("i ") {
                Some(path) => conversation.show(path.trim())?,
                None => answer(&mut conversation, line)?,
            },
        }
    }
}

impl Chat {
    /// How answers of `model` are generated.
    fn options(&self, model: &LanguageModel) -> mlx_lm::Result<GenerateOptions> {
        Ok(GenerateOptions {
            max_tokens: self.max_tokens,
            sampler: self.sampling.sampler(model)?,
            processors: self.sampling.processors(),
            prefill_step: self.prefill_step_size,
            cache: self.cache.options(),
            ..GenerateOptions::default()
        })
    }
}

/// Shows on a terminal that it is the user's turn.
fn invite() -> io::Result<()> {
    if io::stdin().is_terminal() {
        write!(io::stderr(), ">> ")?;
        io::stderr().flush()?;
    }
    Ok(())
}

/// Writes the answer, up to its end or a signal, after which the conversation goes on.
fn answer(conversation: &mut Conversation<'_>, message: &str) -> Outcome {
    let _hold = Hold::begin();
    let mut out = stdout();
    let mut busy = Some(Busy::with("reading"));
    for event in conversation.send(message)? {
        busy.take();
        if interrupt::has_come() {
            break;
        }
        match event? {
            ChatEvent::Text(text) => {
                out.write_all(text.as_bytes())?;
                out.flush()?;
            }
            ChatEvent::Reasoning(text) => {
                write!(io::stderr(), "{}", Paint::stderr().aside(&text))?;
            }
            ChatEvent::ToolCall(_) | ChatEvent::Rejected(_) | ChatEvent::Finished(_) => {}
        }
    }
    writeln!(out)?;
    interrupt::take();
    Ok(())
}
