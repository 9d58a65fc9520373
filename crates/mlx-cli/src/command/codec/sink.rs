//! Where sound goes: into a file of sound, or one of arrays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlx_audio::{SoundWriter, WavFormat};
use mlx_core::Array;

use super::save;
use crate::failure::Outcome;

/// A file that sound is written to piece by piece. It appears when it is finished.
pub(super) struct Sink {
    kind: Kind,
    channels: usize,
    /// How many samples of each channel were written.
    pub(super) written: usize,
}

enum Kind {
    Sound(SoundWriter),
    Arrays { path: PathBuf, samples: Vec<f32> },
}

impl Sink {
    /// A file of a kind that its name says.
    pub(super) fn create(path: &Path, channels: usize, rate: u32, format: WavFormat) -> Outcome<Self> {
        let kind = if SoundWriter::knows(path) {
            Kind::Sound(SoundWriter::create(path, channels, rate, format)?)
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("safetensors")) {
            Kind::Arrays { path: path.to_owned(), samples: Vec::new() }
        } else {
            let problem = "end the name with .safetensors, .wav or .flac";
            return Err(format!("--output {}: {problem}", path.display()).into());
        };
        Ok(Self { kind, channels, written: 0 })
    }

    /// Writes sound, `[samples]` or `[samples, channels]`.
    pub(super) fn write(&mut self, audio: &Array) -> Outcome {
        let new = audio.to_vec::<f32>()?;
        self.written += new.len() / self.channels.max(1);
        match &mut self.kind {
            Kind::Sound(writer) => writer.write(&new)?,
            Kind::Arrays { samples, .. } => samples.extend(new),
        }
        Ok(())
    }

    /// Puts the file in place; one of arrays gets those, too.
    pub(super) fn finish(self, mut arrays: BTreeMap<String, Array>) -> Outcome {
        match self.kind {
            Kind::Sound(writer) => Ok(writer.finish()?),
            Kind::Arrays { path, samples } => {
                let channels = i32::try_from(self.channels)?;
                let length = i32::try_from(self.written)?;
                let shape = if channels == 1 { vec![length] } else { vec![length, channels] };
                arrays.insert("audio".to_owned(), Array::from_vec(samples, shape)?);
                save(&path, &arrays)
            }
        }
    }
}
