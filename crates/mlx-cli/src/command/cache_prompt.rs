//! `mlx cache-prompt`: the beginning of prompts, run once.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use mlx_lm::GenerateOptions;
use mlx_lm::cache::PromptCache;

use crate::args::ModelArgs;
use crate::arithmetic::Arithmetic;
use crate::cache::Cache;
use crate::failure::Outcome;
use crate::{progress, prompt};

/// Run the beginning of prompts once, and keep what the model remembers of it in a file.
///
/// `mlx generate --prompt-cache-file` goes on from there: its prompt is the rest of the message.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx cache-prompt --model ./model --prompt-cache-file book.safetensors --prompt - < book.txt
  mlx generate --model ./model --prompt-cache-file book.safetensors --prompt 'Who wrote this?'")]
pub(crate) struct CachePrompt {
    #[command(flatten)]
    model: ModelArgs,
    /// The beginning of the message; `-` reads it from stdin
    #[arg(long, short)]
    prompt: String,
    /// An instruction that goes before the message
    #[arg(long, value_name = "TEXT", conflicts_with = "raw")]
    system_prompt: Option<String>,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    prompt_cache_file: PathBuf,
    /// Give the text to the model as it is, without the chat template
    #[arg(long, alias = "ignore-chat-template")]
    raw: bool,
    #[command(flatten)]
    arithmetic: Arithmetic,
    /// Prompt tokens that are run together
    #[arg(long, value_name = "N", default_value_t = GenerateOptions::default().prefill_step)]
    prefill_step_size: usize,
    #[command(flatten)]
    cache: Cache,
}

/// Runs the prompt and writes the file.
pub(crate) fn run(args: &CachePrompt) -> Outcome {
    let text = prompt::text(&args.prompt)?;
    let model = args.arithmetic.loader(&args.model)?.load()?;
    let tokens = prompt::beginning(&model, args.system_prompt.as_deref(), &text, args.raw)?;
    let mut cache = model.model().cache().with(&args.cache.options())?;
    let bar = progress::count("tokens");
    bar.set_length(tokens.len() as u64);
    for chunk in tokens.chunks(args.prefill_step_size.max(1)) {
        model.model().prefill(chunk, &mut cache, chunk.len())?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    let (file, megabytes) = (args.prompt_cache_file.display(), cache.nbytes() as f64 / 1e6);
    let count = tokens.len();
    PromptCache { tokens, cache }.save(&args.prompt_cache_file, &model)?;
    writeln!(io::stdout(), "{file}: {count} tokens, {megabytes:.1} MB")?;
    Ok(())
}
