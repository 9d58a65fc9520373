//! Sound in memory.

use std::time::Duration;

use crate::{Error, Result};

/// Sound: samples, of which those between -1 and 1 can be heard as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Audio {
    samples: Vec<f32>,
    channels: usize,
    rate: u32,
}

impl Audio {
    /// Sound of samples, those of all channels at one moment side by side, at so many moments (frames) a second.
    ///
    /// # Errors
    /// There are no channels, the last frame is not whole, or the rate is 0.
    pub fn new(samples: Vec<f32>, channels: usize, rate: u32) -> Result<Self> {
        if rate == 0 {
            return Err(Error::option("rate", rate, "there must be at least one frame a second"));
        }
        if channels == 0 || !samples.len().is_multiple_of(channels) {
            let range = format!("{} samples cannot be shared among them", samples.len());
            return Err(Error::option("channels", channels, range));
        }
        Ok(Self { samples, channels, rate })
    }

    /// The samples, those of all channels side by side.
    pub fn samples(&self) -> &[f32] {
        &self.samples
    }

    /// The number of channels.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Frames a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The number of frames.
    pub fn frames(&self) -> usize {
        self.samples.len() / self.channels.max(1)
    }

    /// How long it is.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.frames() as f64 / f64::from(self.rate.max(1)))
    }

    /// The same sound with so many channels: as it is, or the mean of all in each.
    #[must_use]
    pub fn with_channels(self, channels: usize) -> Self {
        let channels = channels.max(1);
        if self.channels == channels {
            return self;
        }
        let mono = self.mono();
        let samples = mono.samples.iter().flat_map(|&sample| std::iter::repeat_n(sample, channels)).collect();
        Self { samples, channels, rate: mono.rate }
    }

    /// The mean of all channels.
    #[must_use]
    pub fn mono(self) -> Self {
        if self.channels == 1 {
            return self;
        }
        let part = 1.0 / self.channels as f32;
        let frames = self.samples.chunks_exact(self.channels);
        Self { samples: frames.map(|frame| frame.iter().sum::<f32>() * part).collect(), channels: 1, ..self }
    }
}
