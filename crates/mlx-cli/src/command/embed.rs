//! `mlx embed`: texts to vectors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use mlx_core::{Dtype, io};
use mlx_embed::{Embedder, Options};
use serde_json::Value;

use crate::args::ModelArgs;
use crate::download;
use crate::failure::Outcome;

/// Write vectors of texts, whose distances say how close the texts are in meaning.
///
/// The file holds `embeddings` `[texts, width]` in float32, pooled and normalised as the checkpoint says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx embed --model sentence-transformers/all-MiniLM-L6-v2 --text 'A man eats.' --text 'A meal.' --output v.safetensors
  mlx embed --model ./model --prompt-name query --text 'What is a cat?' --dimensions 256 --output v.safetensors
  mlx embed --model ./model --file texts.jsonl --output v.safetensors")]
pub(crate) struct Embed {
    #[command(flatten)]
    model: ModelArgs,
    /// A text; may be given several times
    #[arg(long, value_name = "TEXT", required_unless_present = "file")]
    text: Vec<String>,
    /// A file of more texts, each a line: a string of JSON, or an object with a `text`
    #[arg(long, value_name = "FILE.jsonl")]
    file: Option<PathBuf>,
    /// The name of the prompt to put before each text [default: the checkpoint's default one, if it has any]
    #[arg(long, value_name = "NAME")]
    prompt_name: Option<String>,
    /// Keep so many of the first elements of a vector
    #[arg(long, value_name = "N")]
    dimensions: Option<usize>,
    /// What to compute in [default: the type of the weights]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<Dtype>,
    /// The safetensors file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Embeds and writes.
pub(crate) fn run(args: &Embed) -> Outcome {
    let embedder = Embedder::load(&download::source(&args.model)?, args.dtype)?;
    let options =
        Options { prompt: args.prompt_name.clone(), dimensions: args.dimensions, ..Options::default() };
    let mut texts = args.text.clone();
    if let Some(file) = &args.file {
        texts.append(&mut read(file)?);
    }
    let vectors = embedder.embed(&texts, &options)?;
    Ok(io::save_safetensors(&args.output, [("embeddings", &vectors)], &BTreeMap::new())?)
}

/// The texts of a file of JSON lines.
fn read(file: &Path) -> Outcome<Vec<String>> {
    let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let lines = bytes.split(|&byte| byte == b'\n').zip(1..).filter(|(line, _)| !line.trim_ascii().is_empty());
    lines
        .map(|(line, number)| {
            text(line).map_err(|why| format!("{}, line {number}: {why}", file.display()).into())
        })
        .collect()
}

/// The text of a line.
fn text(line: &[u8]) -> Result<String, String> {
    let line = str::from_utf8(line).map_err(|_| "is not UTF-8")?;
    match serde_json::from_str(line).map_err(|error| format!("is no JSON: {error}"))? {
        Value::String(text) => Ok(text),
        Value::Object(mut fields) => match fields.remove("text") {
            Some(Value::String(text)) => Ok(text),
            _ => Err("has no `text` that is a string".into()),
        },
        _ => Err("is neither a string nor an object with a `text`".into()),
    }
}
