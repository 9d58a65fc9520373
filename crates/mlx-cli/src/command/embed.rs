//! `mlx embed`: texts to vectors.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use mlx_core::io::save_safetensors;
use mlx_core::{Array, Dtype, concatenate};
use mlx_embed::{Coding, Embedder, Options, Pieces, coding};
use mlx_memory::Peak;
use serde_json::{Value, json};
use tempfile::NamedTempFile;

use crate::args::ModelArgs;
use crate::download;
use crate::failure::Outcome;
use crate::progress;
use crate::records::{Record, Records};

/// Texts that are read and embedded before the next are read.
const TOGETHER: usize = 4096;

/// Write vectors of texts, whose distances say how close the texts are in meaning.
///
/// They are pooled and normalised as the checkpoint says. A safetensors file holds `embeddings` `[texts, width]`. A file
/// of JSON lines holds the lines that were read, each with its `embedding`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx embed --model sentence-transformers/all-MiniLM-L6-v2 --text 'A man eats.' --text 'A meal.' --output v.safetensors
  mlx embed --model ./model --prompt-name query --text 'What is a cat?' --dimensions 256 --output v.safetensors
  mlx embed --model ./model --file texts.jsonl --chunk-tokens 256 --chunk-overlap 32 --output vectors.jsonl
  mlx embed --model ./model --file texts.jsonl --precision ubinary --output v.safetensors")]
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
    let embedder = Embedder::load(&download::source(&args.model)?, args.dtype)?;
    let options = Options {
        prompt: args.prompt_name.clone(),
        dimensions: args.dimensions,
        batch_tokens: args.batch_tokens,
    };
    let of_file = args.file.as_deref().map(Records::open).transpose()?;
    let mut records = args.text.iter().map(|text| Ok(Record::of(text))).chain(of_file.into_iter().flatten());
    let (bar, peak, started) = (progress::count("texts"), Peak::start()?, Instant::now());
    let mut count = 0;
    let vectors = std::iter::from_fn(|| {
        let some: Outcome<Vec<_>> = records.by_ref().take(TOGETHER).collect();
        let some = match some.and_then(|some| args.cut(some, &embedder)) {
            Ok(some) if some.is_empty() => return None,
            Ok(some) => some,
            Err(error) => return Some(Err(error)),
        };
        let texts: Vec<_> = some.iter().map(|record| &record.text).collect();
        let vectors = embedder.embed(&texts, &options);
        bar.inc(some.len() as u64);
        count += some.len();
        Some(vectors.map(|vectors| (some, vectors)).map_err(Into::into))
    });
    let as_lines = args.output.extension().is_some_and(|ending| ending == "jsonl");
    let written = if as_lines {
        write_lines(vectors, args.precision, &args.output)
    } else {
        write_arrays(vectors, args.precision, &args.output)
    };
    bar.finish_and_clear();
    written?;
    tell(count, started.elapsed().as_secs_f64(), peak.so_far()?.get() as f64 / 1e9, args.json)
}

/// Statistics: on stderr, or as JSON on stdout.
fn tell(texts: usize, seconds: f64, peak: f64, as_json: bool) -> Outcome {
    let speed = texts as f64 / seconds;
    if as_json {
        let line =
            json!({"texts": texts, "seconds": seconds, "texts_per_second": speed, "peak_memory": peak});
        writeln!(io::stdout(), "{line}")?;
    } else {
        writeln!(
            io::stderr(),
            "{texts} texts in {seconds:.2} s, {speed:.1} a second, peak memory {peak:.3} GB"
        )?;
    }
    Ok(())
}

impl Embed {
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

/// All vectors in one array.
fn write_arrays(
    parts: impl Iterator<Item = Outcome<(Vec<Record>, Array)>>,
    precision: Coding,
    path: &Path,
) -> Outcome {
    let parts = parts.map(|part| Ok(part?.1)).collect::<Outcome<Vec<_>>>()?;
    let all = concatenate(&parts, 0)?;
    let ranges = precision.has_ranges().then(|| coding::ranges(&all)).transpose()?;
    let coded = precision.code(&all, ranges.as_ref())?;
    let arrays = [("embeddings", Some(&coded)), ("ranges", ranges.as_ref())];
    let arrays = arrays.into_iter().filter_map(|(name, array)| Some((name, array?)));
    Ok(save_safetensors(path, arrays, &BTreeMap::new())?)
}

/// Each record on a line, with its vector.
fn write_lines(
    parts: impl Iterator<Item = Outcome<(Vec<Record>, Array)>>,
    precision: Coding,
    path: &Path,
) -> Outcome {
    if precision.has_ranges() {
        let why = "bytes have ranges, for which lines have no place: write safetensors";
        return Err(format!("{}: {why}", path.display()).into());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error: io::Error| format!("{}: {error}", path.display());
    let mut file = BufWriter::new(NamedTempFile::new_in(folder).map_err(failed)?);
    for part in parts {
        let (records, vectors) = part?;
        let coded = precision.code(&vectors, None)?;
        for (record, vector) in records.into_iter().zip(rows(&coded)?) {
            let mut fields = record.fields;
            fields.insert("embedding".into(), vector);
            serde_json::to_writer(&mut file, &fields)?;
            file.write_all(b"\n").map_err(failed)?;
        }
    }
    let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// The vectors as JSON.
fn rows(vectors: &Array) -> Outcome<Vec<Value>> {
    let width = usize::try_from(vectors.dim(-1)?)?.max(1);
    Ok(if vectors.dtype() == Dtype::Float32 {
        vectors.to_vec::<f32>()?.chunks(width).map(|row| json!(row)).collect()
    } else {
        let whole = vectors.astype(Dtype::Int16)?.to_vec::<i16>()?;
        whole.chunks(width).map(|row| json!(row)).collect()
    })
}
