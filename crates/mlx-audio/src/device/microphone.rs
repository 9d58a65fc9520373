//! Sound from a microphone.

use std::sync::Arc;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{FromSample, SampleFormat, SizedSample, Stream};

use super::line::{PAUSE, Receiver, Sender, Status, line};
use super::{Found, Way, is_passing};
use crate::{Error, Resampler, Result};

/// Seconds that wait for a program that is busy.
const SECONDS: usize = 30;

/// A microphone that listens.
///
/// ```no_run
/// use mlx_audio::Microphone;
/// use mlx_audio::whisper::{TranscribeOptions, Whisper};
///
/// fn main() -> mlx_audio::Result<()> {
///     let whisper = Whisper::load(&mlx_hub::Source::parse("openai/whisper-base")?, None)?;
///     let mut live = whisper.live(&TranscribeOptions::default())?;
///     for samples in Microphone::open(None, Whisper::RATE)? {
///         for word in live.push(&samples?)? {
///             print!("{}", word.word);
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct Microphone {
    name: String,
    receiver: Receiver,
    status: Arc<Status>,
    channels: usize,
    resampler: Resampler,
    frames: Vec<f32>,
    _stream: Stream,
}

/// The names of the microphones.
///
/// # Errors
/// The system has no sound.
pub fn microphones() -> Result<Vec<String>> {
    Ok(super::devices(Way::In)?.iter().map(super::title).collect())
}

impl Microphone {
    /// Begins to listen with the microphone of this name, or a part of it, or that of the system's choice. Samples are the
    /// mean of its channels, at `rate` a second.
    ///
    /// # Errors
    /// There is no such microphone, or it may not be used.
    pub fn open(name: Option<&str>, rate: u32) -> Result<Self> {
        let found = Found::find(Way::In, name)?;
        let channels = found.channels();
        let (sender, receiver, status) = line(SECONDS * found.config.sample_rate as usize, channels);
        let resampler = Resampler::new(found.config.sample_rate, rate)?;
        let stream = listen(&found, sender, &status)?;
        stream.play().map_err(|error| found.refused(&error))?;
        Ok(Self {
            name: found.name,
            receiver,
            status,
            channels,
            resampler,
            frames: Vec::new(),
            _stream: stream,
        })
    }

    /// What the microphone is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moments that found no place because nobody read for half a minute.
    pub fn missed(&self) -> u64 {
        self.status.missed()
    }

    /// Waits for samples, and gives those that were not read yet.
    ///
    /// # Errors
    /// The microphone stopped.
    pub fn read(&mut self) -> Result<Vec<f32>> {
        let mut samples = Vec::new();
        while samples.is_empty() {
            self.frames.clear();
            self.receiver.pop_all(&mut self.frames);
            if self.frames.is_empty() {
                if let Some(fault) = self.status.fault() {
                    return Err(Error::Device { name: self.name.clone(), problem: fault.to_owned() });
                }
                std::thread::sleep(PAUSE);
            }
            let part = 1.0 / self.channels as f32;
            let mono = self.frames.chunks_exact(self.channels).map(|frame| frame.iter().sum::<f32>() * part);
            self.resampler.push(&mono.collect::<Vec<_>>(), &mut samples);
        }
        Ok(samples)
    }
}

/// Samples as they come, without an end.
impl Iterator for Microphone {
    type Item = Result<Vec<f32>>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.read())
    }
}

fn listen(found: &Found, sender: Sender, status: &Arc<Status>) -> Result<Stream> {
    let status = Arc::clone(status);
    match found.format {
        SampleFormat::I8 => stream::<i8>(found, sender, status),
        SampleFormat::I16 => stream::<i16>(found, sender, status),
        SampleFormat::I32 => stream::<i32>(found, sender, status),
        SampleFormat::U8 => stream::<u8>(found, sender, status),
        SampleFormat::U16 => stream::<u16>(found, sender, status),
        SampleFormat::F32 => stream::<f32>(found, sender, status),
        SampleFormat::F64 => stream::<f64>(found, sender, status),
        _ => Err(found.unknown_format()),
    }
}

fn stream<T: SizedSample>(found: &Found, mut sender: Sender, status: Arc<Status>) -> Result<Stream>
where
    f32: FromSample<T>,
{
    let heard = move |samples: &[T], _: &cpal::InputCallbackInfo| sender.push_all(samples);
    let failed = move |error: cpal::Error| {
        if !is_passing(&error) {
            status.stop(error.to_string());
        }
    };
    let stream = found.device.build_input_stream(found.config, heard, failed, None);
    stream.map_err(|error| found.refused(&error))
}
