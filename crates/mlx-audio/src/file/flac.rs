//! FLAC files, as they are written.

use std::path::Path;

use flacenc::bitsink::ByteSink;
use flacenc::component::BitRepr;
use flacenc::config::Encoder;
use flacenc::error::Verify;
use flacenc::source::MemSource;

use super::beside::Beside;
use super::sound;
use super::wav::integer;
use crate::{Audio, Error, Result};

/// How many bits of a sample are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlacDepth {
    /// 16 bits.
    I16,
    /// 24 bits.
    I24,
}

impl FlacDepth {
    fn bits(self) -> u8 {
        match self {
            Self::I16 => 16,
            Self::I24 => 24,
        }
    }
}

impl Audio {
    /// Writes a FLAC file. Samples are cut off at -1 and 1.
    ///
    /// # Errors
    /// There are more than 8 channels or 655350 frames a second, there is no sound, or the file cannot be written.
    pub fn save_flac(&self, path: impl AsRef<Path>, depth: FlacDepth) -> Result<()> {
        let path = path.as_ref();
        if self.channels() > 8 {
            return Err(Error::option("channels", self.channels(), "a FLAC file has at most 8"));
        }
        if self.rate() > MOST_RATE {
            return Err(Error::option(
                "rate",
                self.rate(),
                format!("a FLAC file has at most {MOST_RATE} frames a second"),
            ));
        }
        if self.frames() == 0 {
            return Err(sound(path, "would be without sound, which a FLAC file cannot be"));
        }
        let bits = depth.bits();
        let samples: Vec<i32> =
            self.samples().iter().map(|&sample| integer(sample, u32::from(bits) - 1)).collect();
        let source =
            MemSource::from_samples(&samples, self.channels(), usize::from(bits), self.rate() as usize);
        let refused = |problem: String| sound(path, format!("cannot be encoded as FLAC: {problem}"));
        let config =
            Encoder::default().into_verified().map_err(|(_, problem)| refused(problem.to_string()))?;
        let mut stream = flacenc::encode_with_fixed_block_size(&config, source, BLOCK)
            .map_err(|problem| refused(problem.to_string()))?;
        // A last block that is shorter does not count, even if it is the only one.
        stream
            .stream_info_mut()
            .set_block_sizes(BLOCK, BLOCK)
            .map_err(|problem| refused(problem.to_string()))?;
        let mut sink = ByteSink::new();
        stream.write(&mut sink).map_err(|problem| refused(problem.to_string()))?;
        let mut file = Beside::create(path)?;
        file.write(sink.as_slice())?;
        file.put(&[])
    }
}

/// Frames that are encoded together.
const BLOCK: usize = 4096;
/// The most frames a second.
const MOST_RATE: u32 = 655_350;
