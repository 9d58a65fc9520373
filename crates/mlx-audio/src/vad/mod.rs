//! When somebody speaks: [`SileroVad`], and what follows from its probabilities.
//!
//! [`SileroVad::segments`] finds speech in a recording, [`SileroVad::pieces`] cuts one where nobody speaks into pieces that a
//! model can take, and [`SileroVad::stream`] listens while sound arrives.

mod events;
mod panels;
mod pieces;
mod segments;
mod silero;

pub(crate) use events::audible;
pub use events::{VadEvent, VadStream};
pub use pieces::merged;
pub use segments::{SegmentOptions, segments};

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mlx_hub::Source;
use serde::Serialize;

use crate::{Error, Result, checkpoint};
use silero::Silero;

/// Silero VAD: the probability that somebody speaks, for each 32 ms of sound with one channel.
///
/// Where a sample is not a number it counts as silence, and none as more than a million.
///
/// ```no_run
/// # fn main() -> mlx_audio::Result<()> {
/// use mlx_audio::vad::{SegmentOptions, SileroVad};
///
/// let vad = SileroVad::open("silero_vad.onnx")?;
/// # let samples = vec![0.0; 16_000];
/// for speech in vad.segments(&samples, &SegmentOptions::default())? {
///     println!("{:.2} s to {:.2} s", speech.start as f64 / 16e3, speech.end as f64 / 16e3);
/// }
/// # Ok(()) }
/// ```
pub struct SileroVad(Silero);

/// What was found in a recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Activity {
    /// The probability of speech in each window.
    pub probabilities: Vec<f32>,
    /// Where somebody speaks.
    pub segments: Vec<Speech>,
}

/// A part of a recording in which somebody speaks, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Speech {
    /// Where it begins.
    pub start: f64,
    /// Where it ends.
    pub end: f64,
}

impl SileroVad {
    /// The model of a folder or Hub repository, for 16 kHz if there is one: its one ONNX file, or else its one safetensors
    /// file.
    ///
    /// Where Silero publishes both, they hold different weights, and its package runs the ONNX file.
    ///
    /// # Errors
    /// There is none or more than one, or it is not Silero's.
    pub fn load(source: &Source) -> Result<Self> {
        let source = source.clone().include("*.onnx").include("*.safetensors");
        let directory = checkpoint::directory(&source)?;
        let folder = directory.path();
        let failed = |source| Error::File { path: folder.to_owned(), source };
        let entries = folder.read_dir().map_err(failed)?;
        let paths = entries.map(|entry| Ok(entry.map_err(failed)?.path())).collect::<Result<Vec<_>>>()?;
        let of_onnx = |path: &&PathBuf| path.extension().is_some_and(|extension| extension == "onnx");
        let files: Vec<&PathBuf> = paths.iter().filter(of_onnx).collect();
        if let [file] = files.as_slice() {
            return Self::open(file);
        }
        match directory.shards()?.as_slice() {
            [shard] => Self::open(shard),
            shards => {
                let problem = format!("has {} safetensors files: open one of them", shards.len());
                Err(Error::config(folder.display().to_string(), problem))
            }
        }
    }

    /// The model in a file of Silero's, ONNX or safetensors, for 16 kHz if there is one.
    ///
    /// # Errors
    /// It cannot be read, or its arrays are not Silero's.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Silero::open(path.as_ref(), None).map(Self)
    }

    /// As [`open`](Self::open), for sound of `rate` samples a second: 16 000 or 8000.
    ///
    /// # Errors
    /// As there, or the file has no network for this rate.
    pub fn open_at(path: impl AsRef<Path>, rate: u32) -> Result<Self> {
        Silero::open(path.as_ref(), Some(rate)).map(Self)
    }

    /// Samples a second of the sound that it takes.
    pub fn rate(&self) -> u32 {
        self.0.sizes.rate
    }

    /// Samples of a probability.
    pub fn window(&self) -> usize {
        self.0.sizes.window
    }

    /// The probability of speech in each window; the last is filled up with silence.
    pub fn probabilities(&self, samples: &[f32]) -> Vec<f32> {
        let mut stream = self.stream();
        let mut probabilities = stream.probabilities(samples);
        probabilities.extend(stream.rest());
        probabilities
    }

    /// What listens to sound that arrives in parts of any length.
    pub fn stream(&self) -> VadStream<'_> {
        VadStream::new(&self.0, SegmentOptions::default())
    }

    /// As [`stream`](Self::stream), with options for its events.
    ///
    /// # Errors
    /// An option is out of its range.
    pub fn stream_with(&self, options: SegmentOptions) -> Result<VadStream<'_>> {
        options.check()?;
        Ok(VadStream::new(&self.0, options))
    }

    /// Where somebody speaks, in samples.
    ///
    /// # Errors
    /// An option is out of its range.
    pub fn segments(&self, samples: &[f32], options: &SegmentOptions) -> Result<Vec<Range<usize>>> {
        segments(&self.probabilities(samples), samples.len(), self.rate(), options)
    }

    /// Speech in pieces of at most `longest`, which are cut where nobody speaks if that can be, in samples.
    ///
    /// # Errors
    /// An option is out of its range, or `longest` is not more than twice the padding and a window.
    pub fn pieces(
        &self,
        samples: &[f32],
        options: &SegmentOptions,
        longest: Duration,
    ) -> Result<Vec<Range<usize>>> {
        let most = options.max_speech.map_or(longest, |most| most.min(longest));
        let options = SegmentOptions { max_speech: Some(most), ..*options };
        let length = (longest.as_secs_f64() * f64::from(self.rate())) as usize;
        Ok(merged(&self.segments(samples, &options)?, length))
    }

    /// The probabilities, and where somebody speaks, in seconds.
    ///
    /// # Errors
    /// An option is out of its range.
    pub fn detect(&self, samples: &[f32], options: &SegmentOptions) -> Result<Activity> {
        let probabilities = self.probabilities(samples);
        let segments = segments(&probabilities, samples.len(), self.rate(), options)?;
        let seconds = |samples: usize| samples as f64 / f64::from(self.rate());
        let speech = |range: Range<usize>| Speech { start: seconds(range.start), end: seconds(range.end) };
        Ok(Activity { probabilities, segments: segments.into_iter().map(speech).collect() })
    }
}
