//! Parts of a recording that are transcribed several at a time.

use std::ops::Range;

use mlx_core::concatenate;

use super::options::TranscribeOptions;
use super::segments::Segments;
use super::session::Session;
use super::spectrogram::Spectrogram;
use super::transcribe::RATE;
use super::{FRAMES, Whisper};
use crate::transcript::{Segment, Transcript};
use crate::{Error, Result};

impl Whisper {
    /// What is said in parts of mono samples at 16 kHz, such as those in which someone speaks: `batch` of them at a time,
    /// each without what was written before it. Of a part longer than 30 seconds, the rest is a part of its own.
    ///
    /// # Errors
    /// As [`transcribe`](Self::transcribe).
    pub fn transcribe_parts(
        &self,
        samples: &[f32],
        parts: &[Range<usize>],
        batch: usize,
        options: &TranscribeOptions,
    ) -> Result<Transcript> {
        let parts: Vec<_> = parts.iter().flat_map(|part| windows(part, samples.len())).collect();
        let sound = |part: &Range<usize>| samples.get(part.clone()).unwrap_or_default();
        let hear = |part: &Range<usize>| {
            let mut spectrogram = Spectrogram::new(&self.front, sound(part))?;
            let frames = spectrogram.frames();
            Ok::<_, Error>((self.encode(&spectrogram.window(0, FRAMES)?)?, frames))
        };
        let mut first = None;
        let session = Session::new(self, options, || {
            let heard = hear(parts.first().unwrap_or(&(0..0)))?;
            Ok(first.insert(heard).0.clone())
        })?;
        let mut segments = Vec::new();
        for parts in parts.chunks(batch.max(1)) {
            let encoded = parts.iter().map(|part| first.take().map_or_else(|| hear(part), Ok));
            let encoded = encoded.collect::<Result<Vec<_>>>()?;
            segments.extend(session.together(parts, &encoded)?);
        }
        Ok(Transcript::new(segments, &session.language))
    }
}

/// A part in windows of what there is.
fn windows(part: &Range<usize>, samples: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let longest = FRAMES * Whisper::RATE as usize / RATE as usize;
    let end = part.end.min(samples);
    (part.start..end).step_by(longest).map(move |start| start..(start + longest).min(end))
}

impl Session<'_> {
    /// The segments of parts with the states and frames of their windows.
    fn together(&self, parts: &[Range<usize>], encoded: &[(mlx_core::Array, usize)]) -> Result<Vec<Segment>> {
        let heard = self.whisper.decoder.hear(&concatenate(encoded.iter().map(|(states, _)| states), 0)?)?;
        let prompt = self.prompt(&self.initial_prompt()?);
        let windows = self.write(&heard, &vec![prompt; parts.len()])?;
        let mut segments = Vec::new();
        for (at, ((window, part), (_, frames))) in (0..).zip(windows.iter().zip(parts).zip(encoded)) {
            if window.is_silent(&self.options) {
                continue;
            }
            let start = part.start as f64 / f64::from(Whisper::RATE);
            let mut found = Segments::of(window, &self.whisper.vocabulary, start, *frames as f64 / RATE)?;
            if self.options.word_timestamps {
                let mut own = heard.clone();
                own.keep_windows(&[at])?;
                self.find_words(&mut found.segments, &own, (start, *frames), &mut { start })?;
            }
            found.drop_empty();
            segments.extend(found.segments);
        }
        Ok(segments)
    }
}
