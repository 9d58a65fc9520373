//! `mlx generate`: the answer to a prompt.

use std::io::{self, Read, Write};

use mlx_lm::{FinishReason, GenerateOptions, LanguageModel, Loader, Piece, Stats, TextStream};
use mlx_text::Message;
use serde_json::{Value, json};

use crate::args::Generate;
use crate::download;
use crate::failure::Outcome;

/// Streams the answer.
pub(crate) fn run(args: &Generate) -> Outcome {
    let prompt = prompt(&args.prompt)?;
    let in_type = |loader: Loader| match args.dtype {
        Some(dtype) => loader.dtype(dtype),
        None => loader,
    };
    let model = in_type(Loader::new(download::source(&args.model)?)).load()?;
    let model = args.drafting.equip(model, &args.model, in_type)?;
    let tokens = tokens(&model, args, &prompt)?;
    let stream = model.generate(&tokens, options(&model, args)?)?;
    if args.json { write_json(stream) } else { write_text(stream) }
}

/// The prompt itself, or stdin for `-`.
fn prompt(argument: &str) -> io::Result<String> {
    if argument != "-" {
        return Ok(argument.to_owned());
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

fn tokens(model: &LanguageModel, args: &Generate, prompt: &str) -> mlx_lm::Result<Vec<u32>> {
    let has_template = model.tokenizer().chat_template().is_some();
    if args.raw || prompt.is_empty() || (!has_template && args.system_prompt.is_none()) {
        return model.encode(prompt);
    }
    let system = args.system_prompt.as_deref().map(Message::system);
    let messages: Vec<_> = system.into_iter().chain([Message::user(prompt)]).collect();
    model.chat(&messages)
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
