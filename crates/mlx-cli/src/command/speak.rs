//! `mlx speak`: a text as sound.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use mlx_audio::kokoro::{Kokoro, Prosody, SpeakOptions, Voice};
use mlx_audio::phonemes::Language;
use mlx_audio::{SoundWriter, WavFormat};
use mlx_core::{Array, io as arrays};

use crate::args::ModelArgs;
use crate::device::Player;
use crate::failure::Outcome;
use crate::interrupt::{self, Hold};
use crate::{download, file, progress, prompt};

/// Speak a text into a WAV or FLAC file or to a loudspeaker.
///
/// American English is read by dictionaries; British English, Spanish, French, Hindi, Italian and Portuguese by espeak-ng, if
/// it is installed. Other languages are spoken from --phonemes.
#[derive(Debug, Args)]
#[command(
    group(ArgGroup::new("what").required(true).args(["text", "file", "phonemes"])),
    group(ArgGroup::new("where").required(true).multiple(true).args(["output", "play"])),
    after_help = "\
Examples:
  mlx speak --model mlx-community/Kokoro-82M-bf16 --text 'Hello world!' --voice af_heart --output hello.wav
  mlx speak --model ./kokoro --file book.txt --voice af_heart:0.6,am_michael:0.4 --speed 1.1 --output book.flac
  echo 'Good evening.' | mlx speak --model ./kokoro --text - --voice am_michael --output evening.wav
  mlx speak --model ./kokoro --phonemes 'həlˈO wˈɜɹld' --voice af_heart --output hello.wav
  mlx speak --model ./kokoro --file letter.txt --play
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
    #[arg(long, requires = "output", conflicts_with = "play")]
    prosody: bool,
    /// The file to write, which ends in .wav or .flac
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Play it while it is spoken, by the loudspeaker of this name or a part of it [default: the system's choice]
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    play: Option<Option<String>>,
}

/// Speaks and writes.
pub(crate) fn run(args: &Speak) -> Outcome {
    let options = args.options()?;
    let text = args.text()?;
    args.output.as_deref().map_or(Ok(()), file::check)?;
    let player = args.play.as_ref().map(|name| Player::open(name.as_deref(), Kokoro::RATE)).transpose()?;
    let source = download::source(&args.model)?;
    let kokoro = args.model.load(|| Kokoro::load(&source))?;
    let _hold = Hold::begin();
    let mut outlet = Outlet { file: args.sound_file()?, player };
    match (text, &args.phonemes) {
        (Some(text), _) if args.prosody => args.write_prosody(&prosody_of(&kokoro, &text, args, &options)?),
        (Some(text), _) => speak(&kokoro, &text, args, &options, outlet),
        (None, Some(phonemes)) => {
            let voice = kokoro.voice(&args.voice)?;
            let prosody = kokoro.prosody(phonemes, &voice, args.speed)?;
            if args.prosody {
                return args.write_prosody(&prosody);
            }
            outlet.write(kokoro.say(phonemes, &voice, &prosody, args.seed)?.samples())?;
            outlet.finish()
        }
        (None, None) => Err("nothing to speak: give --text, --file or --phonemes".into()),
    }
}

/// Where the sound goes.
struct Outlet {
    file: Option<SoundWriter>,
    player: Option<Player>,
}

impl Outlet {
    /// Writes what comes next. A loudspeaker makes it wait until most of that was heard.
    fn write(&mut self, samples: &[f32]) -> Outcome {
        if let Some(file) = &mut self.file {
            file.write(samples)?;
        }
        if let Some(player) = &mut self.player {
            player.play(samples)?;
        }
        Ok(())
    }

    /// Puts the file in place, and waits until all was heard.
    fn finish(self) -> Outcome {
        self.file.map(SoundWriter::finish).transpose()?;
        self.player.map(Player::finish).transpose()?;
        Ok(())
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

    /// The file of sound, unless prosody is written.
    fn sound_file(&self) -> Outcome<Option<SoundWriter>> {
        let path = self.output.as_ref().filter(|_| !self.prosody);
        let create = |path| SoundWriter::create(path, 1, Kokoro::RATE, WavFormat::I16);
        Ok(path.map(create).transpose()?)
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

    fn write_prosody(&self, Prosody { durations, f0, energy }: &Prosody) -> Outcome {
        let path = self.output.as_ref().ok_or("--prosody is written to a file: give --output")?;
        let durations = Array::from_slice(durations, [durations.len() as i32])?;
        let [f0, energy] = [f0, energy].map(|curve| Array::from_slice(curve, [curve.len() as i32]));
        let named = [("durations", &durations), ("f0", &f0?), ("energy", &energy?)];
        Ok(arrays::save_safetensors(path, named, &BTreeMap::new())?)
    }
}

/// Gives away the sound of each piece when it is there, with a bar of sentences.
fn speak(kokoro: &Kokoro, text: &str, args: &Speak, options: &SpeakOptions, mut outlet: Outlet) -> Outcome {
    let mut speech = kokoro.speech(text, &args.voice, options)?;
    let bar = progress::count("sentences");
    let mut is_silent = true;
    while let Some(piece) = speech.next() {
        outlet.write(piece?.audio.samples())?;
        interrupt::check()?;
        is_silent = false;
        let [done, all] = speech.progress();
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    }
    bar.finish_and_clear();
    if is_silent {
        return Err("the text has no word that can be spoken".into());
    }
    outlet.finish()
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
