//! From probabilities to parts of a recording, as `get_speech_timestamps` of Silero's package finds them.

use std::ops::Range;
use std::time::Duration;

use crate::{Error, Result};

/// What counts as speech, and where it is cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SegmentOptions {
    /// Speech begins at this probability.
    pub threshold: f64,
    /// Speech ends below this probability; 0.15 below the other, but at least 0.01, if `None`.
    pub neg_threshold: Option<f64>,
    /// Speech that is not longer is left out.
    pub min_speech: Duration,
    /// Speech that is longer is cut in its longest silence, or else where it becomes too long.
    pub max_speech: Option<Duration>,
    /// Speech ends when it was quiet for so long.
    pub min_silence: Duration,
    /// Speech that is too long is cut in silences longer than this.
    pub min_silence_at_max_speech: Duration,
    /// What is added on both sides.
    pub speech_pad: Duration,
}

impl Default for SegmentOptions {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            neg_threshold: None,
            min_speech: Duration::from_millis(250),
            max_speech: None,
            min_silence: Duration::from_millis(100),
            min_silence_at_max_speech: Duration::from_millis(98),
            speech_pad: Duration::from_millis(30),
        }
    }
}

/// The options, in samples.
#[derive(Clone, Copy)]
pub(super) struct Thresholds {
    pub(super) speech: f64,
    pub(super) silence: f64,
    pub(super) min_silence: f64,
    pub(super) pad: f64,
    min_speech: f64,
    max_speech: f64,
    min_silence_at_max: f64,
}

impl SegmentOptions {
    pub(super) fn check(&self) -> Result<()> {
        let probability = |option, value: f64| match (0.0..=1.0).contains(&value) {
            true => Ok(()),
            false => Err(Error::option(option, value, "a probability is between 0 and 1")),
        };
        probability("threshold", self.threshold)?;
        probability("neg_threshold", self.neg_threshold.unwrap_or_default())?;
        match self.max_speech.filter(|&most| most <= 2 * self.speech_pad + SHORTEST) {
            Some(most) => {
                let range = format!(
                    "it has to be more than {:?}, twice speech_pad and a window",
                    2 * self.speech_pad + SHORTEST
                );
                Err(Error::option("max_speech", format!("{most:?}"), range))
            }
            None => Ok(()),
        }
    }

    pub(super) fn thresholds(&self, rate: u32) -> Thresholds {
        // Whole milliseconds are whole samples; seconds in binary would not be.
        let samples = |time: Duration| time.as_nanos() as f64 * f64::from(rate) / 1e9;
        let (pad, window) = (samples(self.speech_pad), window(rate) as f64);
        Thresholds {
            speech: self.threshold,
            silence: self.neg_threshold.unwrap_or((self.threshold - 0.15).max(0.01)),
            min_silence: samples(self.min_silence),
            pad,
            min_speech: samples(self.min_speech),
            max_speech: self.max_speech.map_or(f64::INFINITY, |most| samples(most) - window - 2.0 * pad),
            min_silence_at_max: samples(self.min_silence_at_max_speech),
        }
    }
}

/// How long a window is at either rate.
const SHORTEST: Duration = Duration::from_millis(32);

/// Samples of a window.
fn window(rate: u32) -> usize {
    rate as usize * 32 / 1000
}

/// Where somebody speaks in `length` samples at `rate`, of which there is a probability for each 32 ms.
///
/// # Errors
/// An option is out of its range.
pub fn segments(
    probabilities: &[f32],
    length: usize,
    rate: u32,
    options: &SegmentOptions,
) -> Result<Vec<Range<usize>>> {
    options.check()?;
    let mut cutter = Cutter::new(options.thresholds(rate));
    for (at, &probability) in probabilities.iter().enumerate() {
        cutter.see(at * window(rate), f64::from(probability));
    }
    Ok(padded(cutter.finish(length), length, cutter.thresholds.pad))
}

struct Cutter {
    thresholds: Thresholds,
    /// Where the speech began that goes on.
    start: Option<usize>,
    /// Since when it is quiet in it.
    quiet: Option<usize>,
    /// Silences in it that are long enough to cut in.
    silences: Vec<Range<usize>>,
    found: Vec<Range<usize>>,
}

impl Cutter {
    fn new(thresholds: Thresholds) -> Self {
        Self { thresholds, start: None, quiet: None, silences: Vec::new(), found: Vec::new() }
    }

    /// Takes the next window, which begins at the sample `at`.
    fn see(&mut self, at: usize, probability: f64) {
        let speech = probability >= self.thresholds.speech;
        let over = self.quiet.take_if(|_| speech).map(|quiet| quiet..at);
        self.silences
            .extend(over.filter(|silence| silence.len() as f64 > self.thresholds.min_silence_at_max));
        match self.start {
            None if speech => self.start = Some(at),
            None => {}
            Some(start) if (at - start) as f64 > self.thresholds.max_speech => {
                self.cut(start, at);
                self.listen(at, probability);
            }
            Some(_) => self.listen(at, probability),
        }
    }

    /// Ends speech that became too long at the sample `at`.
    fn cut(&mut self, start: usize, at: usize) {
        // The first of the longest, as the reference takes it.
        let longest = self.silences.drain(..).reduce(|a, b| if b.len() > a.len() { b } else { a });
        self.quiet = None;
        match longest {
            Some(silence) => {
                self.found.push(start..silence.start);
                self.start = Some(silence.end);
            }
            None => {
                self.found.push(start..at);
                self.start = None;
            }
        }
    }

    /// Ends speech if it was quiet for long enough.
    fn listen(&mut self, at: usize, probability: f64) {
        let Some(start) = self.start.filter(|_| probability < self.thresholds.silence) else { return };
        let quiet = *self.quiet.get_or_insert(at);
        if (at - quiet) as f64 >= self.thresholds.min_silence {
            self.keep(start..quiet);
            (self.start, self.quiet) = (None, None);
            self.silences.clear();
        }
    }

    fn keep(&mut self, speech: Range<usize>) {
        if speech.len() as f64 > self.thresholds.min_speech {
            self.found.push(speech);
        }
    }

    /// What was found, with the speech that the end of the recording cuts off.
    fn finish(&mut self, length: usize) -> Vec<Range<usize>> {
        if let Some(start) = self.start.take() {
            self.keep(start..length);
        }
        std::mem::take(&mut self.found)
    }
}

/// Each range with what is added on both sides; what is not enough for two is shared by halves.
fn padded(mut found: Vec<Range<usize>>, length: usize, pad: f64) -> Vec<Range<usize>> {
    let before = |start: usize| (start as f64 - pad).max(0.0) as usize;
    let after = |end: usize| (end as f64 + pad).min(length as f64) as usize;
    if let Some(first) = found.first_mut() {
        first.start = before(first.start);
    }
    let mut rest = found.as_mut_slice();
    while let [one, others @ ..] = rest {
        match others.first_mut() {
            Some(next) => {
                let silence = next.start.saturating_sub(one.end);
                if (silence as f64) < 2.0 * pad {
                    one.end += silence / 2;
                    next.start -= silence / 2;
                } else {
                    one.end = after(one.end);
                    next.start = before(next.start);
                }
            }
            None => one.end = after(one.end),
        }
        rest = others;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_silences_of_one_length_the_first_is_cut_in() {
        let parts = [(0.9, 10), (0.0, 5), (0.9, 10), (0.0, 5), (0.9, 20)];
        let probabilities: Vec<f32> =
            parts.iter().flat_map(|&(p, count)| std::iter::repeat_n(p, count)).collect();
        let options = SegmentOptions {
            max_speech: Some(Duration::from_millis(1200)),
            min_silence: Duration::from_secs(10),
            ..SegmentOptions::default()
        };
        let found = segments(&probabilities, 50 * 512, 16_000, &options).unwrap();
        assert_eq!(found[0], 0..10 * 512 + 480);
    }
}
