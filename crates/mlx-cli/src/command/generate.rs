//! `mlx generate`: the answer to a prompt.

mod regions;

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use mlx_lm::cache::{KvCache, PromptCache};
use mlx_lm::{GenerateOptions, LanguageModel, Piece, Stats, TextStream};
use mlx_memory::Peak;
use serde_json::{Value, json};

use crate::args::Generate;
use crate::failure::Outcome;
use crate::interrupt::{self, Hold};
use crate::stdout::stdout;
use crate::terminal::Paint;
use crate::{download, kind, progress, prompt};

/// Streams the answer.
pub(crate) fn run(args: &Generate) -> Outcome {
    let prompt = prompt::text(&args.prompt)?;
    if !args.shown.is_empty() {
        return look(args, &prompt);
    }
    let loader = args.arithmetic.loader(&args.model)?;
    let model = args.model.load(|| args.drafting.equip(loader.load()?, &args.model, &args.arithmetic));
    let model = model.map_err(|error| args.without_image(error))?;
    let options = options(&model, args)?;
    let stream = match &args.prompt_cache_file {
        Some(path) => go_on(&model, path, &prompt::rest(&model, &prompt, args.raw)?, options)?,
        None => {
            let system = args.system_prompt.as_deref();
            model.generate(&prompt::whole(&model, system, &prompt, args.raw)?, options)?
        }
    };
    Answer { stream, looked: None }.write(args.json)
}

impl Generate {
    /// Why a model could not be loaded without something that it is shown.
    fn without_image(&self, error: Box<dyn Error>) -> Box<dyn Error> {
        match download::source(&self.model).map(|source| kind::is_florence2(&source)) {
            Ok(Ok(true)) => {
                format!("{}: a Florence-2 is asked about an image: give --image", self.model.model).into()
            }
            _ => error,
        }
    }
}

/// Streams the answer to what is shown.
fn look(args: &Generate, text: &str) -> Outcome {
    let source = download::source(&args.model)?;
    if kind::is_florence2(&source)? {
        return regions::run(args, source, text);
    }
    let model = args.arithmetic.seeing(&args.model)?;
    let prompt = args.shown.prompt(&model, args.system_prompt.as_deref(), text, args.raw)?;
    let options = options(model.language(), args)?;
    let (peak, started) = (Peak::start()?, Instant::now());
    let cache = progress::during("looking at what is shown", || model.prefill(&prompt, &options))?;
    let looked = Some(Looked { time: started.elapsed(), peak });
    let stream = model.language().generate_from(cache, prompt.tokens(), options)?;
    Answer { stream, looked }.write(args.json)
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

/// What it took to see what is shown, and the part of the prompt up to it.
struct Looked {
    time: Duration,
    peak: Peak,
}

/// An answer as it comes.
struct Answer<'m> {
    stream: TextStream<'m>,
    looked: Option<Looked>,
}

impl Answer<'_> {
    fn write(self, as_json: bool) -> Outcome {
        if as_json { self.write_json() } else { self.write_text() }
    }

    /// Writes the text as it comes, up to its end or a signal.
    fn write_text(mut self) -> Outcome {
        let mut hold = None;
        let mut out = stdout();
        while let Some(piece) = self.stream.next().transpose()? {
            hold.get_or_insert_with(Hold::begin);
            out.write_all(piece.text.as_bytes())?;
            out.flush()?;
            if interrupt::has_come() {
                break;
            }
        }
        writeln!(out)?;
        let mut told = self.stats()?.to_string();
        if let Some(looked) = &self.looked {
            told.push_str(&format!("\nimages: {:.2} s of the prompt's time", looked.time.as_secs_f64()));
        }
        writeln!(io::stderr(), "{}", Paint::stderr().aside(&told))?;
        Ok(())
    }

    /// Writes a line for each piece, and one that sums up.
    fn write_json(mut self) -> Outcome {
        let mut hold = None;
        let mut out = stdout();
        let (mut text, mut tokens, mut reason) = (String::new(), Vec::new(), "length");
        while let Some(piece) = self.stream.next().transpose()? {
            hold.get_or_insert_with(Hold::begin);
            writeln!(out, "{}", line(&piece))?;
            out.flush()?;
            text.push_str(&piece.text);
            tokens.extend(piece.token);
            reason = piece.finish.map_or(reason, |finish| finish.name());
            if interrupt::has_come() {
                reason = "interrupted";
                break;
            }
        }
        let mut summary = summary(&text, &tokens, &self.stats()?, reason);
        if let (Some(looked), Some(fields)) = (&self.looked, summary.as_object_mut()) {
            fields.insert("image_seconds".into(), looked.time.as_secs_f64().into());
        }
        writeln!(out, "{summary}")?;
        Ok(())
    }

    /// The statistics. The prompt's time has that of what is shown in it.
    fn stats(&self) -> mlx_lm::Result<Stats> {
        let mut stats = self.stream.stats().clone();
        if let Some(Looked { time, peak }) = &self.looked {
            stats.prompt_time += *time;
            stats.peak_memory = peak.so_far()?;
        }
        Ok(stats)
    }
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

fn summary(text: &str, tokens: &[u32], stats: &Stats, reason: &str) -> Value {
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
        "finish_reason": reason,
    })
}
