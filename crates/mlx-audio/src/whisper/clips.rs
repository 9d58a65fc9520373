//! The parts of a recording that are transcribed.

use std::collections::VecDeque;
use std::ops::Range;

use super::transcribe::RATE;

/// Parts of a recording that are still to come, in frames.
#[derive(Debug)]
pub(super) struct Clips(VecDeque<Range<usize>>);

impl Clips {
    /// The parts that begin and end at these seconds in turns, of a recording of so many frames. Without an end, the last
    /// reaches to that of the recording; without any, it is all of it.
    pub(super) fn new(times: &[f64], frames: usize) -> Self {
        let mut places: Vec<_> =
            times.iter().map(|time| ((time * RATE).round_ties_even() as usize).min(frames)).collect();
        if places.is_empty() {
            places.push(0);
        }
        if places.len() % 2 == 1 {
            places.push(frames);
        }
        Self(places.as_chunks::<2>().0.iter().map(|&[start, end]| start..end).collect())
    }

    /// The place at `seek`, and where its part ends. Where that part is over, the next is begun.
    pub(super) fn next(&mut self, mut seek: usize) -> Option<(usize, usize)> {
        while let Some(clip) = self.0.front() {
            seek = seek.max(clip.start);
            if seek < clip.end {
                return Some((seek, clip.end));
            }
            self.0.pop_front();
            seek = self.0.front().map_or(seek, |next| next.start);
        }
        None
    }

    /// Leaves out what is to come.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts, of which each is passed over at once.
    fn parts(times: &[f64]) -> Vec<(usize, usize)> {
        let mut clips = Clips::new(times, 1000);
        let mut seek = 0;
        std::iter::from_fn(|| {
            let part = clips.next(seek)?;
            seek = part.1;
            Some(part)
        })
        .collect()
    }

    #[test]
    fn times_are_beginnings_and_ends() {
        assert_eq!(parts(&[]), [(0, 1000)]);
        assert_eq!(parts(&[2.0]), [(200, 1000)]);
        assert_eq!(parts(&[1.0, 2.0, 3.0, 20.0]), [(100, 200), (300, 1000)]);
        assert_eq!(parts(&[1.0, 1.0, 3.0]), [(300, 1000)]);
        assert_eq!(parts(&[11.0]), []);
    }

    #[test]
    fn what_goes_beyond_a_part_begins_the_next() {
        let mut clips = Clips::new(&[0.0, 1.0, 3.0, 4.0], 1000);
        assert_eq!(clips.next(50), Some((50, 100)));
        assert_eq!(clips.next(350), Some((300, 400)));
        assert_eq!(clips.next(500), None);
    }
}
