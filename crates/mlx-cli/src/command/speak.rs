//! `mlx speak`: a text as sound.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use mlx_audio::kokoro::{Kokoro, Prosody, SpeakOptions, Voice};
use mlx_audio::phonemes::Language;
use mlx_audio::{WavFormat, WavWriter};
use mlx_core::{Array, io as arrays};

use crate::args::ModelArgs;
use crate::download;
use crate::failure::Outcome;
use crate::{progress, prompt};

/// Speak a text, and write it to a WAV file.
///
/// American English is read by dictionaries; British English, Spanish, French, Hindi, Italian and Portuguese by espeak-ng, if
/// it is installed. Other languages are spoken from --phonemes.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).args(["text", "file", "phonemes"])),
    after_help = "\
Examples:
  mlx speak --model mlx-community/Kokoro-82M-bf16 --text 'Hello world!' --voice af_heart --output hello.wav
  mlx speak --model ./kokoro --file book.txt --voice af_heart:0.6,am_michael:0.4 --speed 1.1 --output book.wav
  echo 'Good evening.' | mlx speak --model ./kokoro --text - --voice am_michael --output evening.wav
  mlx speak --model ./kokoro --phonemes 'həlˈO wˈɜɹld' --voice af_heart --output hello.wav
  mlx speak --model ./kokoro --text 'Hello!' --voice af_heart --prosody --output prosody.safetensors"
)]
pub(crate) struct Speak {
    #[command(flatten)]
    model: ModelArgs,
    /// What to speak; `-` reads it from stdin
    #[arg(long, short)]
    text: Option<String>,
    /// Speak what is in this file
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Speak these phonemes instead of a text
    #[arg(long, value_name = "P", conflicts_with = "language")]
    phonemes: Option<String>,
    /// The voice: a name, a file, or a mixture such as af_heart:0.6,am_michael:0.4
    #[arg(long, value_name = "V", default_value = "af_heart")]
    voice: String,
    /// The language of the text, such as en-us or en-gb [default: that of the voice]
    #[arg(long, value_name = "L")]
    language: Option<String>,
    /// How fast, from 0.5 to 2
    #[arg(long, value_name = "X", default_value_t = SpeakOptions::default().speed)]
    speed: f32,
    /// Seconds of silence between sentences, beside what the voice leaves by itself
    #[arg(long, value_name = "S", default_value_t = 0.0)]
    pause: f64,
    /// What draws depend on
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Write `durations`, `f0` and `energy` of the phonemes to a safetensors file instead of sound
    #[arg(long)]
    prosody: bool,
    /// The file to write
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// Speaks and writes.
pub(crate) fn run(args: &Speak) -> Outcome {
    let options = args.options()?;
    let text = args.text()?;
    let kokoro = Kokoro::load(&download::source(&args.model)?)?;
    match (text, &args.phonemes) {
        (Some(text), _) if args.prosody => write_prosody(args, &prosody_of(&kokoro, &text, args, &options)?),
        (Some(text), _) => speak(&kokoro, &text, args, &options),
        (None, Some(phonemes)) => {
            let voice = kokoro.voice(&args.voice)?;
            let prosody = kokoro.prosody(phonemes, &voice, args.speed)?;
            if args.prosody {
                return write_prosody(args, &prosody);
            }
            Ok(kokoro.say(phonemes, &voice, &prosody, args.seed)?.save_wav(&args.output, WavFormat::I16)?)
        }
        (None, None) => Err("nothing to speak: give --text, --file or --phonemes".into()),
    }
}

impl Speak {
    fn options(&self) -> Outcome<SpeakOptions> {
        let pause = Duration::try_from_secs_f64(self.pause).ok().filter(|pause| pause.as_secs() < 60);
        let pause =
            pause.ok_or_else(|| format!("--pause {}: it must be from 0 to 60 seconds", self.pause))?;
        let language = self.language.as_deref().map(Language::parse).transpose()?;
        Ok(SpeakOptions { speed: self.speed, language, pause, seed: self.seed })
    }

    /// The text, from wherever it is.
    fn text(&self) -> Outcome<Option<String>> {
        if let Some(path) = &self.file {
            let text =
                std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
            return Ok(Some(text));
        }
        Ok(self.text.as_deref().map(prompt::text).transpose()?)
    }
}

/// Writes the sound of each piece when it is there, with a bar of sentences.
fn speak(kokoro: &Kokoro, text: &str, args: &Speak, options: &SpeakOptions) -> Outcome {
    let mut speech = kokoro.speech(text, &args.voice, options)?;
    let bar = progress::count("sentences");
    let mut writer = WavWriter::create(&args.output, 1, Kokoro::RATE, WavFormat::I16)?;
    let mut is_silent = true;
    while let Some(spoken) = speech.next() {
        writer.write(spoken?.audio.samples())?;
        is_silent = false;
        let [done, all] = speech.progress();
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    }
    bar.finish_and_clear();
    if is_silent {
        return Err("the text has no word that can be spoken".into());
    }
    Ok(writer.finish()?)
}

/// The prosody of all pieces of a text, one after the other.
fn prosody_of(kokoro: &Kokoro, text: &str, args: &Speak, options: &SpeakOptions) -> Outcome<Prosody> {
    let voice: Voice = kokoro.voice(&args.voice)?;
    let language = options.language.unwrap_or_else(|| Language::of_voice(voice.name()));
    let mut all = Prosody::default();
    for piece in kokoro.pieces(text, language)? {
        all.append(kokoro.prosody(&piece.phonemes(), &voice, args.speed)?);
    }
    if all.durations.is_empty() {
        return Err("the text has no word that can be spoken".into());
    }
    Ok(all)
}

fn write_prosody(args: &Speak, Prosody { durations, f0, energy }: &Prosody) -> Outcome {
    let durations = Array::from_slice(durations, [durations.len() as i32])?;
    let [f0, energy] = [f0, energy].map(|curve| Array::from_slice(curve, [curve.len() as i32]));
    let named = [("durations", &durations), ("f0", &f0?), ("energy", &energy?)];
    Ok(arrays::save_safetensors(&args.output, named, &BTreeMap::new())?)
}
