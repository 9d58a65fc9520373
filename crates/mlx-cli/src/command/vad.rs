//! `mlx vad`: when somebody speaks.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mlx_audio::Audio;
use mlx_audio::vad::{SegmentOptions, SileroVad};

use crate::args::ModelArgs;
use crate::failure::Outcome;
use crate::stdout::stdout;
use crate::{download, progress};

/// Find out when somebody speaks in a recording.
///
/// Each line is the beginning and the end of speech, in seconds.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx vad --model ./silero-vad talk.mp3
  mlx vad --model ./silero-vad talk.mp3 --threshold 0.3 --min-silence 0.5
  mlx vad --model ./silero-vad talk.mp3 --json")]
pub(crate) struct Vad {
    #[command(flatten)]
    model: ModelArgs,
    /// The recording
    #[arg(value_name = "AUDIO")]
    audio: PathBuf,
    /// Speech begins at this probability
    #[arg(long, value_name = "P", default_value_t = SegmentOptions::default().threshold)]
    threshold: f64,
    /// Leave out speech that is not longer than so many seconds
    #[arg(long, value_name = "S", default_value_t = SegmentOptions::default().min_speech.as_secs_f64())]
    min_speech: f64,
    /// Speech ends when it was quiet for so many seconds
    #[arg(long, value_name = "S", default_value_t = SegmentOptions::default().min_silence.as_secs_f64())]
    min_silence: f64,
    /// Cut speech that is longer than so many seconds
    #[arg(long, value_name = "S")]
    max_speech: Option<f64>,
    /// Write JSON: `probabilities`, and `segments` with `start` and `end` in seconds
    #[arg(long)]
    json: bool,
}

/// Detects and prints.
pub(crate) fn run(args: &Vad) -> Outcome {
    let options = args.options()?;
    let source = download::source(&args.model)?;
    let vad = args.model.load(|| SileroVad::load(&source))?;
    let audio = progress::during("reading the recording", || Audio::open_at(&args.audio, vad.rate()))?;
    let found = progress::during("listening", || vad.detect(audio.samples(), &options))?;
    let mut out = stdout();
    if args.json {
        serde_json::to_writer(&mut out, &found)?;
        writeln!(out)?;
    } else {
        for speech in &found.segments {
            writeln!(out, "{:10.3} {:10.3}", speech.start, speech.end)?;
        }
    }
    Ok(())
}

impl Vad {
    fn options(&self) -> Outcome<SegmentOptions> {
        let seconds = |name: &str, seconds: f64| {
            Duration::try_from_secs_f64(seconds).map_err(|error| format!("--{name} {seconds}: {error}"))
        };
        Ok(SegmentOptions {
            threshold: self.threshold,
            min_speech: seconds("min-speech", self.min_speech)?,
            min_silence: seconds("min-silence", self.min_silence)?,
            max_speech: self.max_speech.map(|most| seconds("max-speech", most)).transpose()?,
            ..SegmentOptions::default()
        })
    }
}
