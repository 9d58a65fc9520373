//! Recordings in parts that a model can take, cut where it is quiet.

use std::collections::VecDeque;

use crate::Result;
use crate::vad::audible;
use crate::whisper::Sound;

/// A part of a recording.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// The sample of the recording at which it begins.
    pub(super) begin: usize,
    pub(super) samples: Vec<f32>,
}

/// Cuts a sound into parts of at most so many samples. Little more than two such parts is in memory.
pub(super) struct Cutter<'a> {
    /// None behind the end.
    pieces: Option<Box<dyn Iterator<Item = Result<Vec<f32>>> + 'a>>,
    held: VecDeque<f32>,
    begin: usize,
    longest: usize,
}

impl<'a> Cutter<'a> {
    pub(super) fn new(sound: &'a (impl Sound + ?Sized), longest: usize) -> Result<Self> {
        let longest = longest.max(1);
        Ok(Self { pieces: Some(sound.pieces()?), held: VecDeque::new(), begin: 0, longest })
    }

    /// Forgets what is left.
    pub(super) fn stop(&mut self) {
        self.pieces = None;
        self.held.clear();
    }

    fn fill(&mut self) -> Result<()> {
        while self.held.len() <= self.longest
            && let Some(pieces) = &mut self.pieces
        {
            match pieces.next() {
                Some(piece) => self.held.extend(piece?.into_iter().map(audible)),
                None => self.pieces = None,
            }
        }
        Ok(())
    }
}

impl Iterator for Cutter<'_> {
    type Item = Result<Part>;

    fn next(&mut self) -> Option<Result<Part>> {
        if let Err(error) = self.fill() {
            self.stop();
            return Some(Err(error));
        }
        if self.held.is_empty() {
            return None;
        }
        let end = match self.held.len() > self.longest {
            true => quietest(self.held.make_contiguous().get(..self.longest).unwrap_or_default()),
            false => self.held.len(),
        };
        let part = Part { begin: self.begin, samples: self.held.drain(..end).collect() };
        self.begin += end;
        Some(Ok(part))
    }
}

/// The samples whose loudness is compared: a tenth of a second at 16 kHz.
const WINDOW: usize = 1600;

/// The middle of the quietest moment in the second half, or the end if there is no room for one.
fn quietest(samples: &[f32]) -> usize {
    let first = samples.len() / 2;
    let searched = samples.get(first..).unwrap_or_default();
    let mut sums = Vec::with_capacity(searched.len() + 1);
    sums.push(0.0_f64);
    let mut sum = 0.0;
    for &sample in searched {
        sum += f64::from(sample) * f64::from(sample);
        sums.push(sum);
    }
    let loudness = sums.iter().zip(sums.iter().skip(WINDOW)).map(|(before, behind)| behind - before);
    // Of moments of the same loudness, the last: fewer parts.
    let found = loudness.enumerate().min_by(|(at, a), (other, b)| a.total_cmp(b).then(other.cmp(at)));
    found.map_or(samples.len(), |(at, _)| first + at + WINDOW / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(sound: &[f32], longest: usize) -> Vec<Part> {
        Cutter::new(sound, longest).unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn parts_are_cut_at_the_quietest_moment_and_lose_nothing() {
        let mut sound = vec![0.5; 100_000];
        sound[30_000..32_000].fill(0.1);
        sound[61_000..63_000].fill(0.0);
        let found = parts(&sound, 40_000);
        let begins: Vec<_> = found.iter().map(|part| part.begin).collect();
        assert_eq!(begins.len(), 3);
        assert!((30_800..=31_200).contains(&begins[1]), "{begins:?}");
        assert!((61_800..=62_200).contains(&begins[2]), "{begins:?}");
        assert!(found.iter().all(|part| part.samples.len() <= 40_000));
        let joined: Vec<f32> = found.into_iter().flat_map(|part| part.samples).collect();
        assert_eq!(joined, sound);
    }

    #[test]
    fn short_sound_is_one_part_and_none_is_none() {
        assert_eq!(parts(&[], 10), []);
        assert_eq!(parts(&[0.5; 10], 10), [Part { begin: 0, samples: vec![0.5; 10] }]);
        assert_eq!(parts(&[0.5; 11], 10).len(), 2);
        assert_eq!(parts(&[f32::NAN], 10)[0].samples, [0.0]);
    }

    #[test]
    fn silence_is_cut_as_late_as_can_be() {
        let found = parts(&vec![0.0; 50_000], 20_000);
        assert_eq!(found[1].begin, 20_000 - WINDOW / 2);
    }
}
