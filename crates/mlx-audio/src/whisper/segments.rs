//! The tokens of a window as segments in time.

use super::vocabulary::Vocabulary;
use super::window::Window;
use crate::Result;
use crate::transcript::Segment;

/// The segments of a window, and how far they reach.
#[derive(Debug)]
pub(super) struct Segments {
    pub(super) segments: Vec<Segment>,
    /// Seconds from the window's beginning to where the next window begins, which is within it if its last words were cut.
    pub(super) next: f64,
    /// Whether the window ends with a single time, behind which no one speaks.
    pub(super) ends_silent: bool,
}

impl Segments {
    /// The segments of a window that begins at so many seconds and is so long.
    pub(super) fn of(window: &Window, vocabulary: &Vocabulary, start: f64, length: f64) -> Result<Self> {
        let tokens = window.tokens.as_slice();
        let time = |token: &u32| vocabulary.time(*token);
        let ends_silent = matches!(tokens, [.., text, last] if time(text).is_none() && time(last).is_some());
        // Two times in a row are the end of a segment and the beginning of the next.
        let pairs = tokens.windows(2).zip(1..);
        let mut ends: Vec<usize> = pairs
            .filter(|(pair, _)| pair.iter().all(|token| time(token).is_some()))
            .map(|(_, at)| at)
            .collect();
        if ends.is_empty() {
            let last = tokens.iter().rev().find_map(time).filter(|&last| last > 0.0);
            let segment = segment(window, tokens, vocabulary, [start, start + last.unwrap_or(length)])?;
            return Ok(Self { segments: vec![segment], next: length, ends_silent });
        }
        if ends_silent {
            ends.push(tokens.len());
        }
        let (mut segments, mut from) = (Vec::new(), 0);
        for &end in &ends {
            let part = tokens.get(from..end).unwrap_or_default();
            let [first, last] =
                [part.first(), part.last()].map(|token| token.and_then(time).unwrap_or_default());
            segments.push(segment(window, part, vocabulary, [start + first, start + last])?);
            from = end;
        }
        let last = from.checked_sub(1).and_then(|at| tokens.get(at)).and_then(time);
        let next = if ends_silent { length } else { last.unwrap_or(length) };
        Ok(Self { segments, next, ends_silent })
    }

    /// Leaves out segments without words or length.
    pub(super) fn drop_empty(&mut self) {
        self.segments.retain(|segment| segment.end > segment.start && !segment.text.trim().is_empty());
    }
}

fn segment(
    window: &Window,
    tokens: &[u32],
    vocabulary: &Vocabulary,
    [start, end]: [f64; 2],
) -> Result<Segment> {
    Ok(Segment {
        start,
        end,
        text: vocabulary.text(tokens)?,
        words: Vec::new(),
        tokens: tokens.to_vec(),
        temperature: window.temperature,
        avg_logprob: window.avg_logprob,
        compression_ratio: window.compression_ratio,
        no_speech_prob: window.no_speech_prob,
    })
}
