//! How phonemes are spoken.

use crate::{Error, Result};

/// How long phonemes last, how high the voice is, and how loud. It can be changed before it is spoken.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Prosody {
    /// Frames of 25 ms: of the silence before, of each phoneme, and of the silence behind.
    pub durations: Vec<i32>,
    /// The height of the voice in each half frame, in Hz; where it is below 10, there is no voice.
    pub f0: Vec<f32>,
    /// The loudness of each half frame, as the model measures it.
    pub energy: Vec<f32>,
}

/// The most frames that are spoken at once: some minutes.
const MOST_FRAMES: i64 = 1 << 13;

impl Prosody {
    /// Checks that it fits so many phonemes.
    pub(super) fn check(&self, phonemes: usize) -> Result<()> {
        if self.durations.len() != phonemes + 2 {
            let range = format!("there must be {}: two more than phonemes", phonemes + 2);
            return Err(Error::option("durations", self.durations.len(), range));
        }
        if let Some(negative) = self.durations.iter().find(|&&frames| frames < 0) {
            return Err(Error::option("durations", negative, "none may be negative"));
        }
        let frames: i64 = self.durations.iter().map(|&frames| i64::from(frames)).sum();
        if !(1..=MOST_FRAMES).contains(&frames) {
            let range = format!("together they must be between 1 and {MOST_FRAMES}");
            return Err(Error::option("durations", frames, range));
        }
        for (option, curve) in [("f0", &self.f0), ("energy", &self.energy)] {
            if curve.len() as i64 != 2 * frames {
                let range = format!("there must be {}: two for each frame", 2 * frames);
                return Err(Error::option(option, curve.len(), range));
            }
            if let Some(value) = curve.iter().find(|value| !value.is_finite()) {
                return Err(Error::option(option, value, "all must be finite"));
            }
        }
        Ok(())
    }

    /// This, and what is spoken behind it.
    pub fn append(&mut self, mut after: Self) {
        self.durations.append(&mut after.durations);
        self.f0.append(&mut after.f0);
        self.energy.append(&mut after.energy);
    }
}
