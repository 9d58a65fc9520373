//! Words that were made up in silence.
//!
//! As OpenAI's Whisper, `transcribe.py`.

use super::words::{CLOSING, OPENING};
use crate::transcript::{Segment, Word};

/// A window with silences that are long enough to be doubtful; all times are seconds of the recording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Silences {
    /// The shortest silence beside words that are made up.
    pub(super) threshold: f64,
    pub(super) start: f64,
    /// Where the sound of the window ends.
    pub(super) end: f64,
    /// Where the window would end, if it were full.
    pub(super) full: f64,
    /// Where the recording ends.
    pub(super) last: f64,
    /// When the last word before the window ended.
    pub(super) spoken_until: f64,
}

/// A segment without others near it is doubtful this close to the edge of a window.
const EDGE: f64 = 2.0;

impl Silences {
    /// How long it is silent before the first words, if these are odd.
    pub(super) fn before_odd(&self, segments: &[Segment]) -> Option<f64> {
        let gap = with_words(segments).filter(|first| is_odd(first))?.start - self.start;
        (gap > self.threshold).then_some(gap)
    }

    /// Takes odd words between silences and all behind them away, and says where to listen again.
    pub(super) fn cut(&self, segments: &mut Vec<Segment>) -> Option<f64> {
        let mut before = self.spoken_until;
        let mut rest = segments.as_slice();
        while let Some((segment, behind)) = rest.split_first() {
            if segment.words.is_empty() {
                rest = behind;
                continue;
            }
            if is_odd(segment) && self.is_alone(segment, before, with_words(behind)) {
                let over = self.last - segment.end < self.threshold;
                let again = if over { self.last } else { segment.start.max(self.start + 1.0) };
                let kept = segments.len() - rest.len();
                segments.truncate(kept);
                return Some(again);
            }
            before = segment.end;
            rest = behind;
        }
        None
    }

    /// Whether there is silence, or the edge of the window, on both sides of a segment.
    fn is_alone(&self, segment: &Segment, before: f64, next: Option<&Segment>) -> bool {
        let following = next.and_then(|next| next.words.first()).map_or(self.end, |word| word.start);
        let silent_before = segment.start - before > self.threshold
            || segment.start < self.threshold
            || segment.start - self.start < EDGE;
        let silent_behind = following - segment.end > self.threshold
            || next.is_some_and(is_odd)
            || self.full - segment.end < EDGE;
        silent_before && silent_behind
    }
}

/// The first segment that has words.
fn with_words(segments: &[Segment]) -> Option<&Segment> {
    segments.iter().find(|segment| !segment.words.is_empty())
}

/// Of a segment so many words are looked at.
const WORDS: usize = 8;

/// Whether the words of a segment are very long, very short or very unlikely.
fn is_odd(segment: &Segment) -> bool {
    let marks = |word: &&Word| OPENING.contains(&word.word) || CLOSING.contains(&word.word);
    let words: Vec<_> = segment.words.iter().filter(|word| !marks(word)).take(WORDS).collect();
    let oddness: f64 = words.iter().map(|word| oddness(word)).sum();
    !segment.words.is_empty() && (oddness >= 3.0 || oddness + 0.01 >= words.len() as f64)
}

fn oddness(word: &Word) -> f64 {
    let length = word.end - word.start;
    let unlikely = if word.probability < 0.15 { 1.0 } else { 0.0 };
    unlikely + (0.133 - length).max(0.0) * 15.0 + (length - 2.0).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Silences =
        Silences { threshold: 2.0, start: 30.0, end: 60.0, full: 60.0, last: 90.0, spoken_until: 30.0 };

    fn segment(start: f64, end: f64, probability: f32) -> Segment {
        let middle = f64::midpoint(start, end);
        let word = |start, end| Word { word: " word".into(), start, end, probability };
        Segment { start, end, words: vec![word(start, middle), word(middle, end)], ..Segment::default() }
    }

    #[test]
    fn unlikely_words_between_silences_are_cut_with_what_follows() {
        let mut segments = vec![segment(30.0, 31.0, 0.9), segment(40.0, 41.0, 0.1), segment(50.0, 51.0, 0.9)];
        assert_eq!(WINDOW.before_odd(&segments), None);
        assert_eq!(WINDOW.cut(&mut segments), Some(40.0));
        assert_eq!(segments.len(), 1);
    }

    #[test]
    fn likely_words_and_those_near_others_stay() {
        let likely = vec![segment(30.0, 31.0, 0.9), segment(40.0, 41.0, 0.9), segment(50.0, 51.0, 0.9)];
        assert_eq!(WINDOW.cut(&mut likely.clone()), None);
        let near = vec![segment(37.0, 39.0, 0.9), segment(40.0, 41.0, 0.1), segment(42.0, 43.0, 0.9)];
        assert_eq!(WINDOW.cut(&mut near.clone()), None);
    }

    #[test]
    fn odd_words_at_the_end_of_the_recording_end_it() {
        let window = Silences { end: 42.0, last: 42.0, ..WINDOW };
        let mut segments = vec![segment(30.0, 31.0, 0.9), segment(40.0, 41.9, 0.1)];
        assert_eq!(window.cut(&mut segments), None);
        let window = Silences { full: 43.0, ..window };
        assert_eq!(window.cut(&mut segments), Some(42.0));
    }

    #[test]
    fn silence_before_odd_first_words_is_passed_over() {
        assert_eq!(WINDOW.before_odd(&[Segment::default(), segment(33.0, 33.1, 0.9)]), Some(3.0));
        assert_eq!(WINDOW.before_odd(&[segment(31.0, 31.1, 0.9)]), None);
        assert_eq!(WINDOW.before_odd(&[segment(33.0, 34.0, 0.9)]), None);
        assert_eq!(WINDOW.before_odd(&[segment(33.0, 43.0, 0.9)]), Some(3.0));
    }
}
