//! Sound to a loudspeaker.

use std::sync::Arc;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{FromSample, SampleFormat, SizedSample, Stream};

use super::line::{PAUSE, Receiver, Sender, Status, line};
use super::{Found, Way, is_passing};
use crate::{Audio, Error, Resampler, Result};

/// Seconds that are taken ahead of what is heard.
const SECONDS: usize = 2;

/// A loudspeaker that plays mono sound of one rate, as it comes.
pub struct Player {
    name: String,
    sender: Sender,
    status: Arc<Status>,
    channels: usize,
    rate: u32,
    resampler: Option<Resampler>,
    stream: Stream,
}

/// The names of the loudspeakers.
///
/// # Errors
/// The system has no sound.
pub fn players() -> Result<Vec<String>> {
    Ok(super::devices(Way::Out)?.iter().map(super::title).collect())
}

impl Player {
    /// Opens the loudspeaker of this name, or a part of it, or that of the system's choice, for sound of `rate` samples a
    /// second.
    ///
    /// # Errors
    /// There is no such loudspeaker, or it may not be used.
    pub fn open(name: Option<&str>, rate: u32) -> Result<Self> {
        let found = Found::find(Way::Out, name)?;
        let channels = found.channels();
        let (sender, receiver, status) = line(SECONDS * found.config.sample_rate as usize, channels);
        let resampler = Some(Resampler::new(rate, found.config.sample_rate)?);
        let stream = play(&found, receiver, &status)?;
        stream.play().map_err(|error| found.refused(&error))?;
        Ok(Self { name: found.name, sender, status, channels, rate, resampler, stream })
    }

    /// What the loudspeaker is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moments of silence where the next sound came too late.
    pub fn missed(&self) -> u64 {
        self.status.missed()
    }

    /// Plays samples behind those before. Waits while more than two seconds are yet to be heard.
    ///
    /// # Errors
    /// The loudspeaker stopped.
    pub fn play(&mut self, samples: &[f32]) -> Result<()> {
        let mut mono = Vec::new();
        if let Some(resampler) = &mut self.resampler {
            resampler.push(samples, &mut mono);
        }
        self.send(&mono)
    }

    /// Plays sound, the mean of its channels.
    ///
    /// # Errors
    /// The sound has another rate, or the loudspeaker stopped.
    pub fn play_audio(&mut self, audio: Audio) -> Result<()> {
        if audio.rate() != self.rate {
            return Err(Error::option(
                "rate",
                audio.rate(),
                format!("the player was opened for {}", self.rate),
            ));
        }
        self.play(audio.mono().samples())
    }

    /// Waits until all was heard.
    ///
    /// # Errors
    /// The loudspeaker stopped.
    pub fn finish(mut self) -> Result<()> {
        let mut rest = Vec::new();
        if let Some(resampler) = self.resampler.take() {
            resampler.end(&mut rest);
        }
        self.send(&rest)?;
        while !self.sender.is_empty() {
            self.wait()?;
        }
        // What left the ring lies in the device's own buffers.
        let buffered = self.stream.buffer_size().map_or(0, |frames| u64::from(frames) * 2);
        std::thread::sleep(std::time::Duration::from_millis(100 + buffered * 1000 / 44_100));
        Ok(())
    }

    fn send(&mut self, mono: &[f32]) -> Result<()> {
        let frames: Vec<f32> =
            mono.iter().flat_map(|&sample| std::iter::repeat_n(sample, self.channels)).collect();
        let mut rest = self.sender.push_some(&frames);
        while !rest.is_empty() {
            self.wait()?;
            rest = self.sender.push_some(rest);
        }
        Ok(())
    }

    fn wait(&self) -> Result<()> {
        if let Some(fault) = self.status.fault() {
            return Err(Error::Device { name: self.name.clone(), problem: fault.to_owned() });
        }
        std::thread::sleep(PAUSE);
        Ok(())
    }
}

fn play(found: &Found, receiver: Receiver, status: &Arc<Status>) -> Result<Stream> {
    let status = Arc::clone(status);
    match found.format {
        SampleFormat::I8 => stream::<i8>(found, receiver, status),
        SampleFormat::I16 => stream::<i16>(found, receiver, status),
        SampleFormat::I32 => stream::<i32>(found, receiver, status),
        SampleFormat::U8 => stream::<u8>(found, receiver, status),
        SampleFormat::U16 => stream::<u16>(found, receiver, status),
        SampleFormat::F32 => stream::<f32>(found, receiver, status),
        SampleFormat::F64 => stream::<f64>(found, receiver, status),
        _ => Err(found.unknown_format()),
    }
}

fn stream<T: SizedSample + FromSample<f32>>(
    found: &Found,
    mut receiver: Receiver,
    status: Arc<Status>,
) -> Result<Stream> {
    let needed = move |out: &mut [T], _: &cpal::OutputCallbackInfo| receiver.fill(out);
    let failed = move |error: cpal::Error| {
        if !is_passing(&error) {
            status.stop(error.to_string());
        }
    };
    let stream = found.device.build_output_stream(found.config, needed, failed, None);
    stream.map_err(|error| found.refused(&error))
}
