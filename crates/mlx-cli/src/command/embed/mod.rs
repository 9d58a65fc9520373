//! `mlx embed`: texts and images to vectors.

mod output;

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;
use mlx_core::{Dtype, concatenate};
use mlx_embed::mlx_image::Image;
use mlx_embed::{Coding, DualEncoder, Embedder, Options, Pieces};
use mlx_hub::{Checkpoint, Source};
use mlx_memory::Peak;
use serde_json::json;

use crate::args::ModelArgs;
use crate::failure::Outcome;
use crate::interrupt::{self, Hold};
use crate::records::{Record, Records};
use crate::stdout::stdout;
use crate::terminal::Paint;
use crate::{download, file, progress};

/// Texts that are read and embedded before the next are read.
const TOGETHER: usize = 1024;

/// Write vectors of texts and images, whose distances say how close these are in meaning.
///
/// They are pooled and normalised as the checkpoint says. A safetensors file holds `embeddings` `[texts + images, width]`.
/// A file of JSON lines holds the lines that were read, each with its `embedding`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx embed --model sentence-transformers/all-MiniLM-L6-v2 --text 'A man eats.' --text 'A meal.' --output v.safetensors
  mlx embed --model ./model --prompt-name query --text 'What is a cat?' --dimensions 256 --output v.safetensors
  mlx embed --model ./model --file texts.jsonl --chunk-tokens 256 --chunk-overlap 32 --output vectors.jsonl
  mlx embed --model ./model --file texts.jsonl --precision ubinary --output v.safetensors
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
    /// How elements are stored: float32, int8, uint8, or bits as binary or ubinary. The ranges of bytes are those of
    /// all these texts, and are written beside them
    #[arg(long, value_name = "PRECISION", default_value = "float32")]
    precision: Coding,
    /// Cut texts into pieces of at most so many tokens, each of which gets a vector. A line of such a piece has its
    /// `start` and `end` in bytes of the text
    #[arg(long, value_name = "N")]
    chunk_tokens: Option<usize>,
    /// How many tokens a piece shares with the one before
    #[arg(long, value_name = "N", default_value_t = 0, requires = "chunk_tokens")]
    chunk_overlap: usize,
    /// The most tokens that run together
    #[arg(long, value_name = "N", default_value_t = Options::default().batch_tokens)]
    batch_tokens: usize,
    /// What to compute in [default: the type of the weights]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<Dtype>,
    /// Write one JSON object with how many texts and seconds there were, and the peak of MLX's memory
    #[arg(long)]
    json: bool,
    /// The file to write: safetensors, or JSON lines if its name ends in .jsonl
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Embeds and writes.
pub(crate) fn run(args: &Embed) -> Outcome {
    file::check(&args.output)?;
    let source = download::source(&args.model)?;
    if !args.image.is_empty() || has_two_towers(&source)? {
        return of_both(args, &source);
    }
    let embedder = args.model.load(|| Embedder::load(&source, args.dtype))?;
    let options = Options {
        prompt: args.prompt_name.clone(),
        dimensions: args.dimensions,
        batch_tokens: args.batch_tokens,
    };
    let bar = progress::bytes("texts");
    let mut records = args.records(&bar)?;
    let (mut count, peak, started) = (0, Peak::start()?, Instant::now());
    let _hold = Hold::begin();
    let parts = std::iter::from_fn(|| {
        if let Err(error) = interrupt::check() {
            return Some(Err(error));
        }
        let some: Outcome<Vec<_>> = records.by_ref().take(TOGETHER).collect();
        let some = match some.and_then(|some| args.cut(some, &embedder)) {
            Ok(some) if some.is_empty() => return None,
            Ok(some) => some,
            Err(error) => return Some(Err(error)),
        };
        count += some.len();
        let texts: Vec<_> = some.iter().map(|record| &record.text).collect();
        let vectors = embedder.embed(&texts, &options);
        Some(vectors.map(|vectors| (some, vectors)).map_err(Into::into))
    });
    let written = output::write(parts, args.precision, &args.output);
    bar.finish_and_clear();
    written?;
    tell(count, started.elapsed().as_secs_f64(), peak.so_far()?.get() as f64 / 1e9, args.json)
}

/// Whether the model makes vectors of both texts and images.
fn has_two_towers(source: &Source) -> Outcome<bool> {
    match source.resolve()? {
        Checkpoint::Directory(directory) => Ok(DualEncoder::reads(&directory.config()?)),
        Checkpoint::Gguf(_) => Ok(false),
    }
}

/// Vectors of texts, then of images.
fn of_both(args: &Embed, source: &Source) -> Outcome {
    if args.prompt_name.is_some() || args.dimensions.is_some() || args.chunk_tokens.is_some() {
        let why = "--prompt-name, --dimensions and --chunk-tokens are not for models of texts and images";
        return Err(why.into());
    }
    let images = args.image.iter().map(Image::open).collect::<Result<Vec<_>, _>>()?;
    let mut records = args.records(&progress::bytes("texts"))?.collect::<Outcome<Vec<_>>>()?;
    let model = args.model.load(|| DualEncoder::load(source, args.dtype))?;
    let (peak, started) = (Peak::start()?, Instant::now());
    let texts: Vec<_> = records.iter().map(|record| &record.text).collect();
    let [texts, images] = progress::during("embedding", || -> mlx_embed::Result<_> {
        Ok([model.embed_texts(&texts)?, model.embed_images(&images)?])
    })?;
    let vectors = concatenate(&[texts, images], 0)?;
    records.extend(args.image.iter().map(|path| Record::of_image(path)));
    let count = records.len();
    let _hold = Hold::begin();
    output::write(std::iter::once(Ok((records, vectors))), args.precision, &args.output)?;
    tell(count, started.elapsed().as_secs_f64(), peak.so_far()?.get() as f64 / 1e9, args.json)
}

/// Statistics: on stderr, or as JSON on stdout.
fn tell(texts: usize, seconds: f64, peak: f64, as_json: bool) -> Outcome {
    let speed = texts as f64 / seconds;
    if as_json {
        let line =
            json!({"texts": texts, "seconds": seconds, "texts_per_second": speed, "peak_memory": peak});
        writeln!(stdout(), "{line}")?;
    } else {
        let told = format!("{texts} texts in {seconds:.2} s, {speed:.1} a second, peak memory {peak:.3} GB");
        writeln!(io::stderr(), "{}", Paint::stderr().aside(&told))?;
    }
    Ok(())
}

impl Embed {
    /// The texts of the command line and those of the file, whose bytes are counted as they are read.
    fn records(&self, bar: &ProgressBar) -> Outcome<impl Iterator<Item = Outcome<Record>>> {
        let of_file = self.file.as_deref().map(|file| Records::open(file, bar)).transpose()?;
        Ok(self.text.iter().map(|text| Ok(Record::of(text))).chain(of_file.into_iter().flatten()))
    }

    /// The pieces of records, where they are to be cut.
    fn cut(&self, records: Vec<Record>, embedder: &Embedder) -> Outcome<Vec<Record>> {
        let Some(tokens) = self.chunk_tokens else { return Ok(records) };
        let pieces = Pieces { tokens, overlap: self.chunk_overlap };
        let mut all = Vec::with_capacity(records.len());
        for record in records {
            for range in pieces.of(&record.text, embedder.tokenizer())? {
                all.extend(record.piece(range));
            }
        }
        Ok(all)
    }
}
