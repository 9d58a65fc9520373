//! Speech while it is spoken.

use super::segments::{SegmentOptions, Thresholds};
use super::silero::{Silero, State};

/// Listens to sound that arrives in parts of any length.
///
/// The probabilities are those of the whole recording, to the bit.
#[derive(Clone)]
pub struct VadStream<'a> {
    model: &'a Silero,
    state: State,
    /// The context of the next window, and what there is of it.
    samples: Vec<f32>,
    /// Samples of all that came.
    total: usize,
    judge: Judge,
}

/// Tells changes by the probabilities of windows.
#[derive(Clone)]
struct Judge {
    thresholds: Thresholds,
    /// Samples of a window.
    window: usize,
    /// Samples of the windows that were judged.
    judged: usize,
    speaking: bool,
    silent_since: Option<usize>,
}

/// A change in who is heard, at a sample counted from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VadEvent {
    /// Somebody begins to speak.
    Start(usize),
    /// Nobody speaks any more.
    End(usize),
}

impl<'a> VadStream<'a> {
    pub(super) fn new(model: &'a Silero, options: SegmentOptions) -> Self {
        Self {
            model,
            state: State::default(),
            samples: vec![0.0; model.sizes.context],
            total: 0,
            judge: Judge::new(options.thresholds(model.sizes.rate), model.sizes.window),
        }
    }

    /// The probabilities of the windows that these samples complete.
    pub fn probabilities(&mut self, samples: &[f32]) -> Vec<f32> {
        self.total = self.total.saturating_add(samples.len());
        self.samples.extend(samples.iter().map(|&sample| audible(sample)));
        let mut probabilities = Vec::new();
        self.model.run(&self.samples, &mut self.state, &mut probabilities);
        self.samples.drain(..probabilities.len() * self.model.sizes.window);
        probabilities
    }

    /// The probability of the window that is not whole, if there is one, filled up with silence.
    pub fn rest(&mut self) -> Option<f32> {
        let missing = self.model.sizes.window.checked_sub(self.samples.len() - self.model.sizes.context);
        let missing = missing.filter(|&missing| missing < self.model.sizes.window)?;
        let total = self.total;
        let rest = self.probabilities(&vec![0.0; missing]).pop();
        self.total = total;
        rest
    }

    /// The events in the windows that these samples complete, as `VADIterator` of Silero's package gives them: the end of
    /// speech is told once it was quiet for as long as the options say.
    pub fn push(&mut self, samples: &[f32]) -> Vec<VadEvent> {
        let probabilities = self.probabilities(samples);
        probabilities.into_iter().filter_map(|probability| self.judge.hear(probability)).collect()
    }

    /// The events in what is left; speech that goes on ends with the sound.
    pub fn finish(&mut self) -> Vec<VadEvent> {
        let last = self.rest().and_then(|probability| self.judge.hear(probability));
        let open = std::mem::take(&mut self.judge.speaking).then_some(VadEvent::End(self.total));
        let end = |event| match event {
            VadEvent::End(at) => VadEvent::End(at.min(self.total)),
            start @ VadEvent::Start(_) => start,
        };
        last.into_iter().chain(open).map(end).collect()
    }
}

impl Judge {
    fn new(thresholds: Thresholds, window: usize) -> Self {
        Self { thresholds, window, judged: 0, speaking: false, silent_since: None }
    }

    fn hear(&mut self, probability: f32) -> Option<VadEvent> {
        let Thresholds { speech, silence, min_silence, pad, .. } = self.thresholds;
        let start = self.judged;
        self.judged += self.window;
        let probability = f64::from(probability);
        if probability >= speech {
            self.silent_since = None;
            if !std::mem::replace(&mut self.speaking, true) {
                return Some(VadEvent::Start((start as f64 - pad).max(0.0) as usize));
            }
        } else if probability < silence && self.speaking {
            let since = *self.silent_since.get_or_insert(start);
            if (start - since) as f64 >= min_silence {
                (self.speaking, self.silent_since) = (false, None);
                return Some(VadEvent::End((since as f64 + pad) as usize));
            }
        }
        None
    }
}

/// A sample that no sum of the network overflows with.
pub(crate) fn audible(sample: f32) -> f32 {
    const MOST: f32 = 1e6;
    if sample.is_nan() { 0.0 } else { sample.clamp(-MOST, MOST) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_silence_in_one_piece_ends_speech() {
        let mut judge = Judge::new(SegmentOptions::default().thresholds(16_000), 512);
        let mut events = |probability, count| {
            let windows = std::iter::repeat_n(probability, count);
            windows.filter_map(|probability| judge.hear(probability)).collect::<Vec<_>>()
        };
        assert_eq!(events(0.9, 10), [VadEvent::Start(0)]);
        // 100 ms are over in the fifth window.
        assert!(events(0.1, 4).is_empty() && events(0.9, 1).is_empty() && events(0.1, 4).is_empty());
        assert_eq!(events(0.1, 1), [VadEvent::End(15 * 512 + 480)]);
        assert_eq!(events(0.9, 1), [VadEvent::Start(20 * 512 - 480)]);
    }
}
