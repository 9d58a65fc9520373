//! A checkpoint: its files, config, tokenizer and chat template, and whether it fits in memory.

use std::collections::BTreeSet;
use std::path::Path;

use mlx_core::io;
use mlx_hub::{Checkpoint, Directory};
use mlx_lm::{BudgetOptions, Loader};
use mlx_memory::Bytes;
use mlx_text::{ChatOptions, Message};
use serde_json::Value;

use super::report::Report;
use crate::args::ModelArgs;
use crate::failure::Outcome;
use crate::{download, kind};

/// The index of a checkpoint in several files.
const INDEX: &str = "model.safetensors.index.json";

/// Looks at all of it, as far as it can be found.
pub(super) fn examine(report: &mut Report, model: &str, offline: bool, available: Option<Bytes>) {
    report.section("checkpoint").fact("model", model);
    let found = || -> Outcome<_> {
        let source = download::source(&ModelArgs { model: model.to_owned(), offline })?;
        let checkpoint = source.resolve()?;
        let config = checkpoint.config()?;
        Ok((Loader::new(source), checkpoint, config))
    };
    let (loader, checkpoint, config) = match found() {
        Ok(found) => found,
        Err(error) => {
            return report.wrong(error, "give a folder, a GGUF file or a Hub id whose files are whole");
        }
    };
    let whole = match &checkpoint {
        Checkpoint::Directory(directory) => weights(report, directory),
        Checkpoint::Gguf(file) => Ok(size_of(file.path())),
    };
    let size = match whole {
        Ok(size) => Some(size),
        Err(error) => {
            report.wrong(error, "fetch its files once more");
            None
        }
    };
    let kind = kind::model_type(&config).to_owned();
    let commands = kind::commands(&config);
    let is_known = !commands.is_empty();
    let has_tokenizer = ["generate", "embed", "rerank"].iter().any(|command| commands.contains(command));
    let is_language = commands.contains(&"generate") && kind != mlx_vlm::florence2::NAME;
    report
        .section("model")
        .fact("path", checkpoint.path().display().to_string())
        .fact("type", Some(kind.clone()).filter(|kind| !kind.is_empty()))
        .fact("commands", commands.into_iter().map(str::to_owned).collect::<Vec<_>>())
        .fact("weights", size);
    if !is_known {
        let problem = format!("nothing is known of the model type `{kind}` by its config alone");
        report.note(problem, "try it with the command that it is for; `mlx info` lists language models");
    }
    if has_tokenizer {
        text(report, &loader, is_language);
    }
    room(report, is_language.then_some(&loader), size, available);
}

/// Checks the files of weights against their headers and against the index, and adds up their sizes.
fn weights(report: &mut Report, directory: &Directory) -> Outcome<Bytes> {
    let shards = directory.shards()?;
    let mut names = BTreeSet::new();
    for shard in &shards {
        names.extend(io::load_safetensors(shard)?.arrays.into_keys());
    }
    let missing = missing(directory, &names)?;
    if let [first, ..] = &missing[..] {
        let problem =
            format!("{} arrays of {INDEX} are in none of its files, such as {first}", missing.len());
        report.wrong(problem, "fetch its files once more");
    }
    let section = report.section("files");
    section.fact("weights", shards.iter().map(|path| name(path)).collect::<Vec<_>>());
    section.fact("arrays", names.len());
    Ok(shards.iter().fold(Bytes::ZERO, |sum, path| sum + size_of(path)))
}

fn size_of(path: &Path) -> Bytes {
    Bytes::new(path.metadata().map_or(0, |about| about.len()))
}

/// Arrays that the index names, and no file holds.
fn missing(directory: &Directory, names: &BTreeSet<String>) -> Outcome<Vec<String>> {
    if directory.file(INDEX).is_none() {
        return Ok(Vec::new());
    }
    let index = directory.json(INDEX)?;
    let listed = index.get("weight_map").and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
    Ok(listed.filter(|name| !names.contains(*name)).cloned().collect())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Tries the tokenizer, and the chat template of a model that answers.
fn text(report: &mut Report, loader: &Loader, answers: bool) {
    let section = report.section("text");
    let tokenizer = match loader.tokenizer() {
        Ok(tokenizer) => tokenizer,
        Err(error) => return report.wrong(error, "fetch its tokenizer files once more"),
    };
    let template = tokenizer.chat_template();
    section.fact("vocabulary", tokenizer.vocab_size()).fact("chat template", template.is_some());
    section.fact("ends at", tokenizer.eos().iter().map(u32::to_string).collect::<Vec<_>>());
    if let Err(error) = tokenizer.encode("Hello, world!", false) {
        report.wrong(format!("the tokenizer fails: {error}"), "fetch its tokenizer files once more");
    }
    let rendered =
        template.map(|template| template.render(&[Message::user("Hello!")], &ChatOptions::default()));
    match rendered.filter(|_| answers) {
        Some(Err(error)) => {
            report.wrong(error, "use --raw, or mend chat_template.jinja or tokenizer_config.json")
        }
        Some(Ok(_)) => {}
        None if !answers => {}
        None => report.note("it has no chat template", "its prompts are texts to go on with, as with --raw"),
    }
}

/// Compares what it needs with what there is.
fn room(report: &mut Report, loader: Option<&Loader>, size: Option<Bytes>, available: Option<Bytes>) {
    let budget = loader.map(|loader| loader.budget(&BudgetOptions::default()));
    let needed = match budget {
        Some(Ok(budget)) => {
            let section = report.section("need of memory");
            for part in budget.parts() {
                section.fact(part.purpose.to_string(), part.bytes);
            }
            budget.total()
        }
        Some(Err(error)) => {
            report.section("need of memory");
            return report
                .wrong(error, "see which of its files is another's, or whether its type is in `mlx info`");
        }
        None => {
            report.section("need of memory");
            let Some(size) = size else { return };
            size
        }
    };
    report.current().fact("total", needed).fact("available", available);
    if available.is_some_and(|available| available < needed) {
        let problem = format!("it needs {needed}, and {} are available", available.unwrap_or_default());
        report.wrong(problem, "close other programs, raise the limit of the container, or take fewer bits");
    }
}
