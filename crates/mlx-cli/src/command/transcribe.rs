//! `mlx transcribe`: what is said in recordings.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use mlx_audio::transcript::{Format, Transcript};
use mlx_audio::vad::{SegmentOptions, SileroVad};
use mlx_audio::whisper::Task;
use mlx_audio::{Audio, RecognizeOptions, Recognizer, Segment, Word};
use mlx_core::Dtype;
use serde_json::json;

use crate::args::ModelArgs;
use crate::device::Microphone;
use crate::failure::Outcome;
use crate::stdout::stdout;
use crate::{download, file, progress};

/// Write down what is said in recordings.
///
/// The model is a Whisper, wav2vec2, HuBERT, Parakeet, SenseVoice, Moonshine or Qwen3-ASR; what it does not have is refused. Reads WAV, FLAC, MP3,
/// OGG, M4A and more, of any rate and number of channels. The text goes to stdout; with several
/// recordings or --output-dir, into files beside each other. Whispers hear a microphone, too, and write each word when it is
/// certain.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mlx transcribe --model openai/whisper-base talk.mp3
  mlx transcribe --model openai/whisper-base talk.mp3 --format srt --word-timestamps > talk.srt
  mlx transcribe --model ./whisper-base interview.m4a --language German --format json
  mlx transcribe --model ./whisper-base rede.wav --task translate
  mlx transcribe --model mlx-community/parakeet-tdt-0.6b-v3 talk.mp3 --format vtt
  mlx transcribe --model ./whisper-base talk.mp3 --vad-model ./silero-vad
  mlx transcribe --model ./whisper-base *.wav --output-dir texts --format vtt
  mlx transcribe --model ./whisper-base --microphone --beam-size 1")]
pub(crate) struct Transcribe {
    #[command(flatten)]
    model: ModelArgs,
    /// The recordings
    #[arg(required_unless_present = "microphone", value_name = "AUDIO")]
    audio: Vec<PathBuf>,
    /// Listen to the microphone of this name or a part of it [default: the system's choice]
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, conflicts_with_all = OF_RECORDINGS)]
    microphone: Option<Option<String>>,
    /// Stop to listen after so many seconds [default: never]
    #[arg(long, value_name = "S", requires = "microphone", conflicts_with = "audio")]
    seconds: Option<f64>,
    /// The form to write: txt, json, srt, vtt or tsv
    #[arg(long, short, default_value_t = Format::Txt)]
    format: Format,
    /// Write a file for each recording into this folder, named after it
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// The language that is spoken, such as `de` or `German` [default: listen for it]
    #[arg(long, value_name = "L")]
    language: Option<String>,
    /// Write the words as they are spoken, or in English
    #[arg(long, value_enum, default_value_t = TaskName::Transcribe)]
    task: TaskName,
    /// Find the times of words, too
    #[arg(long)]
    word_timestamps: bool,
    /// Texts that are followed at once [Whisper: 5]; 1 takes the likeliest token each time, which is faster
    #[arg(long, value_name = "N")]
    beam_size: Option<usize>,
    /// Temperatures that are tried one after another until a text is likely enough [Whisper: 0,0.2,0.4,0.6,0.8,1]
    #[arg(long, value_name = "T", value_delimiter = ',')]
    temperature: Option<Vec<f32>>,
    /// Names and words that will come, or a text in the style that is wanted
    #[arg(long, value_name = "TEXT")]
    initial_prompt: Option<String>,
    /// Do not show the model what it wrote before: it then repeats itself less
    #[arg(long)]
    no_condition_on_previous_text: bool,
    /// Hear only where this model finds speech, several parts at a time: faster, and without what is made up in silence
    #[arg(long, value_name = "DIR|HUB_ID", conflicts_with = "no_condition_on_previous_text")]
    vad_model: Option<String>,
    /// Parts that are heard at a time
    #[arg(long, value_name = "N", default_value_t = 8, requires = "vad_model")]
    batch_size: usize,
    /// Listen only between these seconds: from the first to the second, from the third to the fourth and so on
    #[arg(long, value_name = "SECONDS", value_delimiter = ',', conflicts_with = "vad_model")]
    clip_timestamps: Vec<f64>,
    /// Leave out unlikely words that silence of so many seconds surrounds; needs --word-timestamps
    #[arg(long, value_name = "SECONDS", requires = "word_timestamps", conflicts_with = "vad_model")]
    hallucination_silence_threshold: Option<f64>,
    /// What draws depend on
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Write numbers in digits, with punctuation (SenseVoice)
    #[arg(long)]
    use_itn: bool,
    /// Write a JSON line at the end: how many seconds of sound, and how long they took without the loading of the model
    #[arg(long)]
    stats: bool,
    /// What to compute in [default: the type of the weights]
    #[arg(long, value_name = "TYPE")]
    dtype: Option<Dtype>,
}

/// What cannot be asked of sound that has no end.
const OF_RECORDINGS: [&str; 8] = [
    "audio",
    "format",
    "output_dir",
    "word_timestamps",
    "vad_model",
    "clip_timestamps",
    "hallucination_silence_threshold",
    "stats",
];

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TaskName {
    Transcribe,
    Translate,
}

/// Transcribes and writes.
pub(crate) fn run(args: &Transcribe) -> Outcome {
    if let Some(name) = &args.microphone {
        return listen(args, Microphone::open(name.as_deref(), Recognizer::RATE)?);
    }
    let source = download::source(&args.model)?;
    let model = args.model.load(|| Recognizer::load(&source, args.dtype))?;
    let (options, parts) =
        (args.options(), args.vad_model.as_deref().map(|name| args.parts(name)).transpose()?);
    let (begun, mut seconds) = (Instant::now(), 0.0);
    for path in &args.audio {
        let (transcript, duration) = match &parts {
            Some(parts) => parts.transcribe(&model, path, &options)?,
            None => transcribe(&model, path, &options)?,
        };
        let text = transcript.to_text(args.format);
        match &args.output_dir {
            Some(folder) => write(folder, path, args.format, &text)?,
            None => stdout().write_all(text.as_bytes())?,
        }
        seconds += duration;
    }
    if args.stats {
        let took = begun.elapsed().as_secs_f64();
        let stats = json!({"audio_seconds": seconds, "seconds": took, "times_real_time": seconds / took});
        writeln!(stdout(), "{stats}")?;
    }
    Ok(())
}

impl Transcribe {
    fn parts(&self, model: &str) -> Outcome<Parts> {
        let model = ModelArgs { model: model.to_owned(), offline: self.model.offline };
        let vad = SileroVad::load(&download::source(&model)?)?;
        if vad.rate() != Recognizer::RATE {
            return Err(format!(
                "--vad-model {}: it is for {} Hz, and models hear 16000",
                model.model,
                vad.rate()
            )
            .into());
        }
        Ok(Parts { vad, batch: self.batch_size })
    }

    fn options(&self) -> RecognizeOptions {
        RecognizeOptions {
            task: match self.task {
                TaskName::Transcribe => Task::Transcribe,
                TaskName::Translate => Task::Translate,
            },
            language: self.language.clone(),
            word_timestamps: self.word_timestamps,
            temperature: self.temperature.clone(),
            beam_size: self.beam_size,
            initial_prompt: self.initial_prompt.clone(),
            condition_on_previous_text: self.no_condition_on_previous_text.then_some(false),
            clip_timestamps: (!self.clip_timestamps.is_empty()).then(|| self.clip_timestamps.clone()),
            hallucination_silence_threshold: self.hallucination_silence_threshold,
            seed: self.seed,
            use_itn: self.use_itn.then_some(true),
        }
    }
}

/// Writes down what a microphone hears, a sentence a line.
fn listen(args: &Transcribe, mut microphone: Microphone) -> Outcome {
    let source = download::source(&args.model)?;
    let model = args.model.load(|| Recognizer::load(&source, args.dtype))?;
    let mut live = model.live(&args.options())?;
    let mut left =
        args.seconds.map_or(usize::MAX, |seconds| (seconds * f64::from(Recognizer::RATE)) as usize);
    let mut out = Lines { out: stdout(), is_begun: false };
    while left > 0 {
        let mut samples = microphone.read()?;
        samples.truncate(left);
        left -= samples.len();
        out.write(&live.push(&samples)?)?;
    }
    out.write(&live.finish()?)?;
    out.end()
}

/// Words as they come, in lines.
struct Lines<W> {
    out: W,
    /// Whether something is in the line.
    is_begun: bool,
}

impl<W: Write> Lines<W> {
    fn write(&mut self, words: &[Word]) -> Outcome {
        for Word { word, .. } in words {
            let word = if self.is_begun { word } else { word.trim_start() };
            self.out.write_all(word.as_bytes())?;
            self.is_begun |= !word.is_empty();
            if word.ends_with(['.', '?', '!', '。', '？', '！']) {
                self.end()?;
            }
        }
        Ok(self.out.flush()?)
    }

    /// Ends the line, if there is one.
    fn end(&mut self) -> Outcome {
        if std::mem::take(&mut self.is_begun) {
            self.out.write_all(b"\n")?;
        }
        Ok(self.out.flush()?)
    }
}

/// A transcript, and how many seconds the recording has.
type Heard = (Transcript, f64);

/// What finds the parts in which someone speaks.
struct Parts {
    vad: SileroVad,
    batch: usize,
}

impl Parts {
    fn transcribe(&self, model: &Recognizer, path: &Path, options: &RecognizeOptions) -> Outcome<Heard> {
        let audio = Audio::open_at(path, Recognizer::RATE)?;
        let parts = self.vad.pieces(audio.samples(), &SegmentOptions::default(), WINDOW)?;
        let hear = || model.transcribe_parts(audio.samples(), &parts, self.batch, options);
        let transcript = progress::during("listening", hear)?;
        Ok((transcript, audio.duration().as_secs_f64()))
    }
}

/// The longest part: what Whisper hears at once. Models that hear less cut it again.
const WINDOW: Duration = Duration::from_secs(30);

/// The transcript of a recording, with a bar of its seconds.
fn transcribe(model: &Recognizer, path: &Path, options: &RecognizeOptions) -> Outcome<Heard> {
    let mut transcription = model.transcription(path, options)?;
    let bar = progress::count("seconds");
    bar.set_length(transcription.duration().ceil() as u64);
    let mut segments: Vec<Segment> = Vec::new();
    while let Some(segment) = transcription.next() {
        segments.push(segment?);
        show(&bar, transcription.position());
    }
    bar.finish_and_clear();
    Ok((Transcript::new(segments, transcription.language()), transcription.duration()))
}

fn show(bar: &ProgressBar, seconds: f64) {
    bar.set_position(seconds as u64);
}

/// Writes a text into a folder, named after its recording.
fn write(folder: &Path, recording: &Path, format: Format, text: &str) -> Outcome {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let name = recording.file_stem().unwrap_or(recording.as_os_str()).to_owned();
    let mut path = folder.join(name).into_os_string();
    path.push(format!(".{format}"));
    file::write(Path::new(&path), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_are_lines() {
        let word = |word: &str| Word { word: word.to_owned(), ..Word::default() };
        let mut lines = Lines { out: Vec::new(), is_begun: false };
        lines.write(&[" So", " it"].map(word)).unwrap();
        lines.write(&[" is.", " Or", " not?", "", " Well"].map(word)).unwrap();
        lines.end().unwrap();
        lines.end().unwrap();
        assert_eq!(String::from_utf8(lines.out).unwrap(), "So it is.\nOr not?\nWell\n");
    }
}
