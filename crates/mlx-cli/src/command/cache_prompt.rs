//! `mlx cache-prompt`: the beginning of prompts, run once.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use mlx_lm::cache::{KvCache, PromptCache};
use mlx_lm::{GenerateOptions, LanguageModel};
use serde_json::json;

use crate::args::ModelArgs;
use crate::arithmetic::Arithmetic;
use crate::cache::Cache;
use crate::failure::Outcome;
use crate::interrupt::Hold;
use crate::shown::Shown;
use crate::stdout::stdout;
use crate::{download, file, kind, progress, prompt};

/// Run the beginning of prompts once, and keep what the model remembers of it in a file.
///
/// `mlx generate --prompt-cache-file` goes on from there: its prompt is the rest of the message.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx cache-prompt --model ./model --prompt-cache-file book.safetensors --prompt - < book.txt
  mlx cache-prompt --model ./qwen2-vl --prompt-cache-file cat.safetensors --image cat.jpg --prompt 'About this: '
  mlx generate --model ./model --prompt-cache-file book.safetensors --prompt 'Who wrote this?'")]
pub(crate) struct CachePrompt {
    #[command(flatten)]
    model: ModelArgs,
    /// The beginning of the message; `-` reads it from stdin
    #[arg(long, short)]
    prompt: String,
    #[command(flatten)]
    shown: Shown,
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
    /// Write one JSON object with how many tokens and bytes it holds
    #[arg(long)]
    json: bool,
}

/// Runs the prompt and writes the file.
pub(crate) fn run(args: &CachePrompt) -> Outcome {
    let text = prompt::text(&args.prompt)?;
    file::check(&args.prompt_cache_file)?;
    if !args.shown.is_empty() {
        return look(args, &text);
    }
    let loader = args.arithmetic.loader(&args.model)?;
    let model = args.model.load(|| loader.load())?;
    let tokens = prompt::beginning(&model, args.system_prompt.as_deref(), &text, args.raw)?;
    let cache = model.model().cache().with(&args.cache.options())?;
    finish(args, &model, tokens, cache)
}

/// The same of a message that shows something.
fn look(args: &CachePrompt, text: &str) -> Outcome {
    let config = download::source(&args.model)?.resolve()?.config()?;
    if kind::model_type(&config) == "paligemma" {
        let why =
            "a PaliGemma's image sees the whole message, so none of it can be run before the rest is known";
        return Err(format!("{}: {why}", args.model.model).into());
    }
    let model = args.arithmetic.seeing(&args.model)?;
    let media = args.shown.media()?;
    let begun = prompt::shown(&model, args.system_prompt.as_deref(), text, &media, args.raw)?;
    let options = GenerateOptions {
        cache: args.cache.options(),
        prefill_step: args.prefill_step_size,
        ..GenerateOptions::default()
    };
    let cache = progress::during("looking at what is shown", || model.prefill(&begun, &options))?;
    finish(args, model.language(), begun.tokens().to_vec(), cache)
}

/// Runs the tokens that `cache` does not hold yet, and writes the file.
fn finish(args: &CachePrompt, model: &LanguageModel, tokens: Vec<u32>, mut cache: KvCache) -> Outcome {
    let bar = progress::count("tokens");
    bar.set_length(tokens.len() as u64);
    let held = usize::try_from(cache.offset())?;
    bar.set_position(held as u64);
    for chunk in tokens.get(held..).unwrap_or_default().chunks(args.prefill_step_size.max(1)) {
        model.model().prefill(chunk, &mut cache, chunk.len())?;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    let (file, bytes, count) = (args.prompt_cache_file.display(), cache.nbytes(), tokens.len());
    {
        let _hold = Hold::begin();
        PromptCache { tokens, cache }.save(&args.prompt_cache_file, model)?;
    }
    let mut out = stdout();
    if args.json {
        writeln!(out, "{}", json!({"path": file.to_string(), "tokens": count, "bytes": bytes}))?;
    } else {
        writeln!(out, "{file}: {count} tokens, {:.1} MB", bytes as f64 / 1e6)?;
    }
    Ok(())
}
