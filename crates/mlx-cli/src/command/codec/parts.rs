//! Recordings and codes in parts, where a codec can be run so.

use std::collections::BTreeMap;
use std::path::Path;

use indicatif::ProgressBar;
use mlx_audio::codec::{Codec, Codes, Facts, Options, Stream};
use mlx_audio::{Audio, AudioReader};
use mlx_core::{Array, concatenate};

use super::sink::Sink;
use crate::failure::Outcome;
use crate::{interrupt, progress};

/// The seconds of sound that a codec gets at a time.
const SECONDS: usize = 10;
/// The codes of each codebook that it gets at a time.
const CODES: i32 = 256;

/// Calls `take` with the codes of a recording: of each part, or of the whole if the codec sees all of it at once. The last
/// say how many samples there were.
pub(super) fn encode_parts(
    codec: &dyn Codec,
    path: &Path,
    options: Options,
    mut take: impl FnMut(Codes) -> Outcome,
) -> Outcome {
    let reader = AudioReader::open(path)?;
    let bar = progress::count("seconds");
    bar.set_length(reader.frames().unwrap_or(0) / u64::from(reader.rate().max(1)));
    let Facts { channels, sample_rate, .. } = codec.facts();
    match codec.stream(options) {
        Ok(stream) => stream_parts(stream, reader, sample_rate, &bar, take)?,
        Err(_) => {
            let audio = match channels {
                1 => Audio::open_at(path, sample_rate)?,
                _ => Audio::open(path)?.with_channels(channels).resampled(sample_rate)?,
            };
            let audio = array(audio.samples(), channels)?;
            take(progress::during("encoding", || codec.encode(&audio, options))?)?;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn stream_parts(
    mut stream: Box<dyn Stream + '_>,
    reader: AudioReader,
    rate: u32,
    bar: &ProgressBar,
    mut take: impl FnMut(Codes) -> Outcome,
) -> Outcome {
    let mut reader = reader.mono(rate)?;
    let (mut waiting, mut samples) = (Vec::new(), 0);
    // The last codes wait until it is known how many samples there were.
    let mut held: Vec<Codes> = Vec::new();
    let part = SECONDS * rate as usize;
    loop {
        let block = reader.next_block()?;
        let ended = block.is_none();
        waiting.extend_from_slice(block.unwrap_or_default());
        if waiting.len() < part && !ended {
            continue;
        }
        if !waiting.is_empty() {
            samples += waiting.len();
            let new = stream.encode(&array(&waiting, 1)?)?;
            if new.is_some() {
                held.drain(..).try_for_each(&mut take)?;
            }
            held.extend(new);
            waiting.clear();
        }
        bar.set_position((samples / rate.max(1) as usize) as u64);
        if ended {
            break;
        }
    }
    if samples == 0 {
        return Err(format!("{}: holds no sound", reader.path().display()).into());
    }
    held.extend(stream.finish()?);
    let Some(last) = held.pop() else { return Ok(()) };
    held.drain(..).try_for_each(&mut take)?;
    take(last.with_samples(Some(i32::try_from(samples)?)))
}

fn array(samples: &[f32], channels: usize) -> Outcome<Array> {
    let (frames, channels) = (i32::try_from(samples.len() / channels.max(1))?, i32::try_from(channels)?);
    Ok(Array::from_slice(samples, [frames, channels])?)
}

/// Codes of parts as those of the whole.
pub(super) fn joined(mut parts: Vec<Codes>) -> Outcome<Codes> {
    let Some(last) = parts.pop() else { return Err("the recording is too short for a code".into()) };
    if parts.is_empty() {
        return Ok(last);
    }
    let samples = last.samples();
    parts.push(last);
    let rate = |at: usize| {
        let codes: Vec<_> = parts.iter().filter_map(|codes| codes.rates().get(at)).collect();
        concatenate(codes, 1)
    };
    let count = parts.iter().map(|codes| codes.rates().len()).min().unwrap_or_default();
    let rates = (0..count).map(rate).collect::<mlx_core::Result<_>>()?;
    Ok(Codes::of_rates(rates).with_samples(samples))
}

/// Decodes codes, and writes their sound.
pub(super) struct Decoder<'a> {
    codec: &'a dyn Codec,
    stream: Option<Box<dyn Stream + 'a>>,
    sink: Sink,
    /// How many samples there are, once it is known.
    length: Option<usize>,
}

impl<'a> Decoder<'a> {
    pub(super) fn new(codec: &'a dyn Codec, sink: Sink) -> Self {
        Self { codec, stream: codec.stream(Options::default()).ok(), sink, length: None }
    }

    /// Writes the sound of codes behind those before. If they say how many samples there are, no more are written.
    pub(super) fn decode(&mut self, codes: &Codes) -> Outcome {
        let Some(stream) = &mut self.stream else { return self.sink.write(&self.codec.decode(codes)?) };
        self.length = codes.samples().map(usize::try_from).transpose()?;
        let audio = stream.decode(codes)?;
        self.write(audio)
    }

    fn write(&mut self, audio: Option<Array>) -> Outcome {
        let Some(audio) = audio else { return Ok(()) };
        let left = self.length.map_or(usize::MAX, |length| length.saturating_sub(self.sink.written));
        let left = i32::try_from(left).unwrap_or(i32::MAX);
        self.sink.write(&audio.index(..audio.dim(0)?.min(left))?)
    }

    /// Writes the sound of all codes, with a bar.
    pub(super) fn decode_all(&mut self, codes: &Codes) -> Outcome {
        let [rate] = codes.rates() else { return self.decode(codes) };
        if self.stream.is_none() || rate.ndim() != 2 || rate.size() == 0 {
            return self.decode(codes);
        }
        let length = rate.dim(1)?;
        let bar = progress::count("codes");
        bar.set_length(u64::try_from(length)?);
        for first in (0..length).step_by(CODES as usize) {
            let behind = length.min(first + CODES);
            let samples = codes.samples().filter(|_| behind == length);
            self.decode(&Codes::new(rate.index((.., first..behind))?).with_samples(samples))?;
            bar.set_position(u64::try_from(behind)?);
            interrupt::check()?;
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Writes the sound that is left, and puts the file in place; one of arrays gets those, too.
    pub(super) fn finish(mut self, arrays: BTreeMap<String, Array>) -> Outcome {
        if let Some(stream) = &mut self.stream {
            let audio = stream.finish_decoding()?;
            self.write(audio)?;
        }
        self.sink.finish(arrays)
    }
}
