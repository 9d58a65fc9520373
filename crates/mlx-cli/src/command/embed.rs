//! `mlx embed`: texts and images to vectors.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use mlx_core::{Array, Dtype, concatenate, io};
use mlx_embed::mlx_image::Image;
use mlx_embed::{DualEncoder, Embedder, Options};
use mlx_hub::{Checkpoint, Source};
use serde_json::Value;

use crate::args::ModelArgs;
use crate::download;
use crate::failure::Outcome;

/// Write vectors of texts and images, whose distances say how close these are in meaning.
///
/// The file holds `embeddings` `[texts + images, width]` in float32, pooled and normalised as the checkpoint says.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx embed --model sentence-transformers/all-MiniLM-L6-v2 --text 'A man eats.' --text 'A meal.' --output v.safetensors
  mlx embed --model ./model --prompt-name query --text 'What is a cat?' --dimensions 256 --output v.safetensors
  mlx embed --model ./model --file texts.jsonl --output v.safetensors
  mlx embed --model openai/clip-vit-large-patch14 --text 'a cat' --image cat.jpg --output v.safetensors")]
pub(crate) struct Embed {
    #[command(flatten)]
    model: ModelArgs,
    /// A text; may be given several times
    #[arg(long, value_name = "TEXT", required_unless_present_any = ["file", "image"])]
    text: Vec<String>,
    /// An image, for models of both texts and images; may be given several times
    #[arg(long, value_name = "FILE")]
    image: Vec<PathBuf>,
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
    let source = download::source(&args.model)?;
    let mut texts = args.text.clone();
    if let Some(file) = &args.file {
        texts.append(&mut read(file)?);
    }
    let vectors = if !args.image.is_empty() || has_two_towers(&source)? {
        of_both(args, &source, &texts)?
    } else {
        let options =
            Options { prompt: args.prompt_name.clone(), dimensions: args.dimensions, ..Options::default() };
        Embedder::load(&source, args.dtype)?.embed(&texts, &options)?
    };
    Ok(io::save_safetensors(&args.output, [("embeddings", &vectors)], &BTreeMap::new())?)
}

/// Whether the model makes vectors of both texts and images.
fn has_two_towers(source: &Source) -> Outcome<bool> {
    match source.resolve()? {
        Checkpoint::Directory(directory) => Ok(DualEncoder::reads(&directory.config()?)),
        _ => Ok(false),
    }
}

/// Vectors of texts, then of images.
fn of_both(args: &Embed, source: &Source, texts: &[String]) -> Outcome<Array> {
    if args.prompt_name.is_some() || args.dimensions.is_some() {
        return Err("--prompt-name and --dimensions are not for models of texts and images".into());
    }
    let images = args.image.iter().map(Image::open).collect::<Result<Vec<_>, _>>()?;
    let model = DualEncoder::load(source, args.dtype)?;
    Ok(concatenate(&[model.embed_texts(texts)?, model.embed_images(&images)?], 0)?)
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
