//! What a model hears of a file, piece by piece.

use std::path::Path;

use super::AudioReader;
use crate::{Resampler, Result};

/// Reads the mean of all channels of a file at the rate that a model hears, in bounded memory.
#[derive(Debug)]
pub struct MonoReader {
    reader: AudioReader,
    rate: u32,
    /// None behind the end.
    resampler: Option<Resampler>,
    mono: Vec<f32>,
    block: Vec<f32>,
}

impl MonoReader {
    pub(super) fn new(reader: AudioReader, rate: u32) -> Result<Self> {
        let resampler = Some(Resampler::new(reader.rate(), rate)?);
        Ok(Self { reader, rate, resampler, mono: Vec::new(), block: Vec::new() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.reader.path()
    }

    /// Samples a second.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The next samples; none at the end.
    ///
    /// # Errors
    /// As [`AudioReader::next_block`].
    pub fn next_block(&mut self) -> Result<Option<&[f32]>> {
        self.block.clear();
        let channels = self.reader.channels();
        let part = 1.0 / channels as f32;
        while self.block.is_empty() {
            let Some(resampler) = &mut self.resampler else { return Ok(None) };
            match self.reader.next_block()? {
                Some(samples) => {
                    self.mono.clear();
                    let frames = samples.chunks_exact(channels);
                    self.mono.extend(frames.map(|frame| frame.iter().sum::<f32>() * part));
                    resampler.push(&self.mono, &mut self.block);
                }
                None => {
                    if let Some(resampler) = self.resampler.take() {
                        resampler.end(&mut self.block);
                    }
                }
            }
        }
        Ok(Some(&self.block))
    }
}
