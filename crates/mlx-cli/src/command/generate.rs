//! `mlx generate`: the answer to a prompt.

use std::io::{self, Write};
use std::path::Path;

use mlx_lm::cache::{KvCache, PromptCache};
use mlx_lm::{FinishReason, GenerateOptions, LanguageModel, Piece, Stats, TextStream};
use serde_json::{Value, json};

use crate::args::Generate;
use crate::failure::Outcome;
use crate::{progress, prompt};

/// Streams the answer.
pub(crate) fn run(args: &Generate) -> Outcome {
    let prompt = prompt::text(&args.prompt)?;
    if !args.shown.is_empty() {
        return look(args, &prompt);
    }
    let model = args.arithmetic.loader(&args.model)?.load()?;
    let model = args.drafting.equip(model, &args.model, &args.arithmetic)?;
    let options = options(&model, args)?;
    let stream = match &args.prompt_cache_file {
        Some(path) => go_on(&model, path, &prompt::rest(&model, &prompt, args.raw)?, options)?,
        None => {
            let system = args.system_prompt.as_deref();
            model.generate(&prompt::whole(&model, system, &prompt, args.raw)?, options)?
        }
    };
    if args.json { write_json(stream) } else { write_text(stream) }
}

/// Streams the answer to what is shown.
fn look(args: &Generate, text: &str) -> Outcome {
    let model = args.arithmetic.seeing(&args.model)?;
    let prompt = args.shown.prompt(&model, args.system_prompt.as_deref(), text, args.raw)?;
    let stream = model.generate(&prompt, options(model.language(), args)?)?;
    if args.json { write_json(stream) } else { write_text(stream) }
}

/// The text after what the file holds, of which one by mlx-lm does not tell the tokens, and then `rest`.
fn go_on<'m>(
    model: &'m LanguageModel,
    path: &Path,
    rest: &[u32],
    options: GenerateOptions,
) -> mlx_lm::Result<TextStream<'m>> {
    match PromptCache::load(path, model) {
        Ok(mut begun) => {
            begun.tokens.extend(rest);
            model.generate_from(begun.cache, &begun.tokens, options)
        }
        Err(error) => match KvCache::load_mlx_lm(path, &model.model().cache()) {
            Ok(cache) => model.generate_after(cache, rest, options),
            Err(_) => Err(error),
        },
    }
}

fn options(model: &LanguageModel, args: &Generate) -> Outcome<GenerateOptions> {
    Ok(GenerateOptions {
        max_tokens: args.max_tokens,
        sampler: args.sampling.sampler(model)?,
        processors: args.sampling.processors(),
        grammar: args.form.grammar(model)?,
        logprobs: args.logprobs,
        speculation: args.drafting.speculation(),
        stop: args.stop.clone(),
        prefill_step: args.prefill_step_size,
        prompt_progress: Some(progress::prompt()),
        cache: args.cache.options(),
    })
}

fn write_text(mut stream: TextStream<'_>) -> Outcome {
    let mut out = io::stdout().lock();
    while let Some(piece) = stream.next().transpose()? {
        out.write_all(piece.text.as_bytes())?;
        out.flush()?;
    }
    writeln!(out)?;
    writeln!(io::stderr(), "{}", stream.stats())?;
    Ok(())
}

fn write_json(mut stream: TextStream<'_>) -> Outcome {
    let mut out = io::stdout().lock();
    let (mut text, mut tokens, mut reason) = (String::new(), Vec::new(), FinishReason::Length);
    while let Some(piece) = stream.next().transpose()? {
        writeln!(out, "{}", line(&piece))?;
        out.flush()?;
        text.push_str(&piece.text);
        tokens.extend(piece.token);
        reason = piece.finish.unwrap_or(reason);
    }
    writeln!(out, "{}", summary(&text, &tokens, stream.stats(), reason))?;
    Ok(())
}

/// A piece as one line of JSON, with its log-probabilities if there are any.
fn line(piece: &Piece) -> Value {
    let mut line = json!({"text": piece.text, "token": piece.token, "drafted": piece.drafted});
    if let Some((logprobs, fields)) = piece.logprobs.as_ref().zip(line.as_object_mut()) {
        let top = logprobs.top.iter().map(|(token, logprob)| json!({"token": token, "logprob": logprob}));
        fields.insert("logprob".into(), logprobs.chosen.into());
        fields.insert("top_logprobs".into(), top.collect());
    }
    line
}

fn summary(text: &str, tokens: &[u32], stats: &Stats, reason: FinishReason) -> Value {
    json!({
        "text": text,
        "tokens": tokens,
        "prompt_tokens": stats.prompt_tokens,
        "generation_tokens": stats.generation_tokens,
        "prompt_tps": stats.prompt_tps(),
        "generation_tps": stats.generation_tps(),
        "drafted_tokens": stats.drafts.drafted,
        "accepted_tokens": stats.drafts.accepted,
        "peak_memory": stats.peak_memory.get() as f64 / 1e9,
        "finish_reason": reason.name(),
    })
}
