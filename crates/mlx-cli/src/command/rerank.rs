//! `mlx rerank`: texts by how well they answer a query.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use mlx_core::Dtype;
use mlx_embed::rerank::{RankOptions, Ranked, Reranker};
use serde_json::json;

use crate::args::ModelArgs;
use crate::download;
use crate::failure::Outcome;
use crate::progress;
use crate::records::{Record, Records};
use crate::stdout::stdout;

/// Order texts by how well they answer a query.
///
/// The best comes first, each with its score and its place among the texts that were given.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx rerank --model BAAI/bge-reranker-base --query 'What do pandas eat?' --text 'Bamboo.' --text 'Paris.'
  mlx rerank --model Qwen/Qwen3-Reranker-0.6B --query 'What do pandas eat?' --file texts.jsonl --top-k 5 --json")]
pub(crate) struct Rerank {
    #[command(flatten)]
    model: ModelArgs,
    /// What is asked
    #[arg(long, short, value_name = "TEXT")]
    query: String,
    /// A text that may answer; may be given several times
    #[arg(long, value_name = "TEXT", required_unless_present = "file")]
    text: Vec<String>,
    /// A file of more texts, each a line: a string of JSON, or an object with a `text`
    #[arg(long, value_name = "FILE.jsonl")]
    file: Option<PathBuf>,
    /// Keep so many of the best
    #[arg(long, value_name = "K")]
    top_k: Option<usize>,
    /// What a model that is a decoder is told that texts are looked for
    #[arg(long, value_name = "TEXT")]
    instruction: Option<String>,
    /// What to compute in [default: the type of the weights]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<Dtype>,
    /// Write JSON lines with `index`, `score` and the fields of the text
    #[arg(long)]
    json: bool,
}

/// Ranks and prints.
pub(crate) fn run(args: &Rerank) -> Outcome {
    let bar = progress::bytes("texts");
    let of_file = args.file.as_deref().map(|file| Records::open(file, &bar)).transpose()?;
    let records: Vec<_> = args
        .text
        .iter()
        .map(|text| Ok(Record::of(text)))
        .chain(of_file.into_iter().flatten())
        .collect::<Outcome<_>>()?;
    bar.finish_and_clear();
    let source = download::source(&args.model)?;
    let reranker = args.model.load(|| Reranker::load(&source, args.dtype))?;
    let options =
        RankOptions { top_k: args.top_k, instruction: args.instruction.clone(), ..RankOptions::default() };
    let texts: Vec<_> = records.iter().map(|record| &record.text).collect();
    let ranked = progress::during("ranking the texts", || reranker.rank(&args.query, &texts, &options))?;
    let mut out = stdout();
    for Ranked { index, score } in ranked {
        let Some(Record { text, fields }) = records.get(index) else { continue };
        if args.json {
            let mut fields = fields.clone();
            fields.insert("index".into(), json!(index));
            fields.insert("score".into(), json!(score));
            serde_json::to_writer(&mut out, &fields)?;
            writeln!(out)?;
        } else {
            writeln!(out, "{score:.4}  {index:>4}  {}", text.replace('\n', " "))?;
        }
    }
    Ok(())
}
