//! `mlx encode`: what a model of speech hears, for comparison with another implementation.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use mlx_audio::{Audio, Recognizer};
use mlx_core::{Dtype, io};

use crate::args::ModelArgs;
use crate::failure::Outcome;
use crate::interrupt::Hold;
use crate::{download, file, progress};

/// Write the last states of a speech model's encoder to a safetensors file.
///
/// `hidden` [T, D] are those of the recording, of a Whisper those of the first half minute, in float32.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx encode --model openai/whisper-base talk.mp3 --output hidden.safetensors")]
pub(crate) struct Encode {
    #[command(flatten)]
    model: ModelArgs,
    /// The recording
    #[arg(value_name = "AUDIO")]
    audio: PathBuf,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Compute in this type
    #[arg(long, value_name = "DTYPE", default_value_t = Dtype::Float32)]
    dtype: Dtype,
}

/// Runs the encoder and writes its states.
pub(crate) fn run(args: &Encode) -> Outcome {
    file::check(&args.output)?;
    let source = download::source(&args.model)?;
    let model = args.model.load(|| Recognizer::load(&source, Some(args.dtype)))?;
    let audio = Audio::open_at(&args.audio, Recognizer::RATE)?;
    let hidden = progress::during("listening", || model.hidden(audio.samples()))?.astype(Dtype::Float32)?;
    let _hold = Hold::begin();
    Ok(io::save_safetensors(&args.output, [("hidden", &hidden)], &BTreeMap::new())?)
}
