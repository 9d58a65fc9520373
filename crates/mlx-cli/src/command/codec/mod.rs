//! `mlx codec`: sound to few whole numbers, and back.

mod parts;
mod sink;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use mlx_audio::codec::{self, Codes, Options, Vocos};
use mlx_audio::{Audio, WavFormat};
use mlx_core::{Array, io};

use self::parts::{Decoder, encode_parts, joined};
use self::sink::Sink;
use crate::args::ModelArgs;
use crate::failure::Outcome;
use crate::interrupt::{self, Hold};
use crate::{download, file};

/// Make codes of sound, and sound of codes, with EnCodec, DAC, SNAC, Mimi or Vocos.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx codec encode --model kyutai/mimi talk.mp3 --output codes.safetensors
  mlx codec decode --model kyutai/mimi codes.safetensors --output talk.wav
  mlx codec roundtrip --model hubertsiuzdak/snac_24khz talk.mp3 --output heard.wav")]
pub(crate) struct Codec {
    #[command(subcommand)]
    direction: Direction,
}

#[derive(Debug, Subcommand)]
enum Direction {
    Encode(Encode),
    Decode(Decode),
    Roundtrip(Roundtrip),
}

/// Write the codes of a recording to a safetensors file.
///
/// `codes` [Q, T] are int32, one row a codebook; with several rates they are `codes.0`, `codes.1` and so on. `samples` is
/// how many samples the recording had, and `scales` how loud its parts were, where the codec needs them.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx codec encode --model kyutai/mimi talk.mp3 --output codes.safetensors
  mlx codec encode --model kyutai/mimi talk.mp3 --codebooks 8 --output codes.safetensors
  mlx codec encode --model facebook/encodec_24khz song.flac --bandwidth 6 --output codes.safetensors")]
struct Encode {
    #[command(flatten)]
    model: ModelArgs,
    /// The recording
    #[arg(value_name = "AUDIO")]
    audio: PathBuf,
    /// The file to write
    #[arg(long, short, value_name = "FILE.safetensors")]
    output: PathBuf,
    #[command(flatten)]
    amount: Amount,
}

/// Write the sound of codes.
///
/// A safetensors file gets `audio`, S numbers, or [S, C] of more than one channel, in float32.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx codec decode --model kyutai/mimi codes.safetensors --output talk.wav
  mlx codec decode --model kyutai/mimi codes.safetensors --output talk.flac --bits 24
  mlx codec decode --model ./vocos-encodec-24khz codes.safetensors --output talk.safetensors")]
struct Decode {
    #[command(flatten)]
    model: ModelArgs,
    /// What `mlx codec encode` wrote
    #[arg(value_name = "CODES")]
    codes: PathBuf,
    #[command(flatten)]
    output: Output,
}

/// Write what a codec, or a Vocos of mel spectra, makes of a recording.
///
/// A safetensors file gets `codes` as `mlx codec encode` writes them, and `audio`, S numbers, or [S, C] of more than one channel.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx codec roundtrip --model hubertsiuzdak/snac_24khz talk.mp3 --output heard.wav
  mlx codec roundtrip --model ./dac song.flac --codebooks 4 --output heard.flac --bits 24
  mlx codec roundtrip --model ./vocos-mel-24khz talk.mp3 --output heard.safetensors")]
struct Roundtrip {
    #[command(flatten)]
    model: ModelArgs,
    /// The recording
    #[arg(value_name = "AUDIO")]
    audio: PathBuf,
    #[command(flatten)]
    amount: Amount,
    #[command(flatten)]
    output: Output,
}

/// How much is kept of the sound.
#[derive(Debug, Args)]
struct Amount {
    /// Thousands of bits a second, one of those that an EnCodec has [default: its lowest]
    #[arg(long, value_name = "KBPS")]
    bandwidth: Option<f64>,
    /// The first so many codebooks [default: all; of EnCodec those of its lowest bandwidth]
    #[arg(long, value_name = "N", conflicts_with = "bandwidth")]
    codebooks: Option<usize>,
}

/// Where sound goes.
#[derive(Debug, Args)]
struct Output {
    /// The file to write: .safetensors, .wav or .flac
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Bits of a sample in a WAV or FLAC file; 32 are floats, for WAV
    #[arg(long, value_enum, default_value_t = Bits::Sixteen)]
    bits: Bits,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Bits {
    #[value(name = "16")]
    Sixteen,
    #[value(name = "24")]
    TwentyFour,
    #[value(name = "32")]
    ThirtyTwo,
}

/// What a checkpoint is.
enum Model {
    Codec(Box<dyn codec::Codec>),
    Vocos(Box<Vocos>),
}

/// Encodes, decodes, or both.
pub(crate) fn run(args: &Codec) -> Outcome {
    match &args.direction {
        Direction::Encode(args) => encode(args),
        Direction::Decode(args) => decode(args),
        Direction::Roundtrip(args) => roundtrip(args),
    }
}

fn encode(args: &Encode) -> Outcome {
    file::check(&args.output)?;
    let Model::Codec(codec) = Model::load(&args.model)? else {
        let problem =
            "a Vocos makes no codes: encode with the EnCodec of its codes, or use `mlx codec roundtrip`";
        return Err(format!("{}: {problem}", args.model.model).into());
    };
    let mut parts = Vec::new();
    encode_parts(codec.as_ref(), &args.audio, args.amount.options(), |codes| {
        parts.push(codes);
        Ok(())
    })?;
    save(&args.output, &joined(parts)?.arrays())
}

fn decode(args: &Decode) -> Outcome {
    file::check(&args.output.output)?;
    let codes = Codes::from_arrays(&io::load_safetensors(&args.codes)?.arrays)
        .map_err(|error| format!("{}: {error}", args.codes.display()))?;
    let model = Model::load(&args.model)?;
    let _hold = Hold::begin();
    match model {
        Model::Codec(codec) => {
            let facts = codec.facts();
            let sink = args.output.sink(facts.channels, facts.sample_rate)?;
            let mut decoder = Decoder::new(codec.as_ref(), sink);
            decoder.decode_all(&codes)?;
            decoder.finish(BTreeMap::new())
        }
        Model::Vocos(vocos) => {
            let mut sink = args.output.sink(1, vocos.sample_rate())?;
            sink.write(&vocos.decode_codes(&codes)?)?;
            sink.finish(BTreeMap::new())
        }
    }
}

fn roundtrip(args: &Roundtrip) -> Outcome {
    file::check(&args.output.output)?;
    let model = Model::load(&args.model)?;
    let _hold = Hold::begin();
    match model {
        Model::Codec(codec) => {
            let facts = codec.facts();
            let sink = args.output.sink(facts.channels, facts.sample_rate)?;
            let mut decoder = Decoder::new(codec.as_ref(), sink);
            let mut parts = Vec::new();
            encode_parts(codec.as_ref(), &args.audio, args.amount.options(), |codes| {
                decoder.decode(&codes)?;
                parts.push(codes);
                interrupt::check()
            })?;
            decoder.finish(joined(parts)?.arrays())
        }
        Model::Vocos(_) if args.amount.options() != Options::default() => {
            Err("--bandwidth and --codebooks are for codecs, and this model is a Vocos".into())
        }
        Model::Vocos(vocos) => {
            let mut sink = args.output.sink(1, vocos.sample_rate())?;
            let audio = Audio::open_at(&args.audio, vocos.sample_rate())?;
            sink.write(&vocos.decode_mel(&vocos.mel(audio.samples())?)?)?;
            sink.finish(BTreeMap::new())
        }
    }
}

fn save(path: &PathBuf, arrays: &BTreeMap<String, Array>) -> Outcome {
    let _hold = Hold::begin();
    let arrays = arrays.iter().map(|(name, array)| (name.as_str(), array));
    Ok(io::save_safetensors(path, arrays, &BTreeMap::new())?)
}

impl Model {
    fn load(args: &ModelArgs) -> Outcome<Self> {
        let source = download::source(args)?.include("*.yaml");
        if Vocos::is_in(&source)? {
            return Ok(Self::Vocos(Box::new(args.load(|| Vocos::load(&source))?)));
        }
        Ok(Self::Codec(args.load(|| codec::load(&source))?))
    }
}

impl Amount {
    fn options(&self) -> Options {
        Options { codebooks: self.codebooks, bandwidth: self.bandwidth }
    }
}

impl Output {
    fn sink(&self, channels: usize, rate: u32) -> Outcome<Sink> {
        let format = match self.bits {
            Bits::Sixteen => WavFormat::I16,
            Bits::TwentyFour => WavFormat::I24,
            Bits::ThirtyTwo => WavFormat::F32,
        };
        Sink::create(&self.output, channels, rate, format)
    }
}
