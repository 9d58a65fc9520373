//! What lies between the thread of a device and ours.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cpal::{FromSample, Sample};
use rtrb::{Consumer, Producer, RingBuffer};

/// How long a side that waits sleeps.
pub(super) const PAUSE: Duration = Duration::from_millis(5);

/// What the two sides tell each other.
#[derive(Default)]
pub(super) struct Status {
    /// Why the device stopped.
    fault: OnceLock<String>,
    /// Frames that were dropped, or silent for want of any.
    missed: AtomicU64,
}

impl Status {
    pub(super) fn stop(&self, fault: String) {
        // The first fault is the cause of those after it.
        let _ = self.fault.set(fault);
    }

    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    pub(super) fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn miss(&self, frames: usize) {
        self.missed.fetch_add(frames as u64, Ordering::Relaxed);
    }
}

/// A ring of so many frames, and what its sides tell each other.
pub(super) fn line(frames: usize, channels: usize) -> (Sender, Receiver, Arc<Status>) {
    let (producer, consumer) = RingBuffer::new(frames.saturating_mul(channels));
    let status = Arc::new(Status::default());
    let sender = Sender { ring: producer, channels, status: Arc::clone(&status) };
    (sender, Receiver { ring: consumer, channels, status: Arc::clone(&status), begun: false }, status)
}

/// The side that has samples.
pub(super) struct Sender {
    ring: Producer<f32>,
    channels: usize,
    status: Arc<Status>,
}

/// The side that needs some.
pub(super) struct Receiver {
    ring: Consumer<f32>,
    channels: usize,
    status: Arc<Status>,
    begun: bool,
}

impl Sender {
    /// Takes what a microphone heard; what finds no place is missed.
    pub(super) fn push_all<T: Sample>(&mut self, samples: &[T])
    where
        f32: FromSample<T>,
    {
        let whole = |samples: usize| samples / self.channels * self.channels;
        let count = whole(self.ring.slots().min(samples.len()));
        if let Ok(chunk) = self.ring.write_chunk_uninit(count) {
            chunk.fill_from_iter(samples.iter().map(|&sample| f32::from_sample(sample)));
        }
        if count < samples.len() {
            self.status.miss((samples.len() - count) / self.channels);
        }
    }

    /// Takes as many whole frames as find a place. Returns what is left.
    pub(super) fn push_some<'a>(&mut self, samples: &'a [f32]) -> &'a [f32] {
        let count = self.ring.slots().min(samples.len()) / self.channels * self.channels;
        let (now, later) = samples.split_at_checked(count).unwrap_or((samples, &[]));
        let (_, left) = self.ring.push_partial_slice(now);
        if left.is_empty() { later } else { samples.get(now.len() - left.len()..).unwrap_or_default() }
    }

    /// Whether all was taken at the other side.
    pub(super) fn is_empty(&self) -> bool {
        self.ring.slots() == self.ring.buffer().capacity()
    }
}

impl Receiver {
    /// Appends all that is there.
    pub(super) fn pop_all(&mut self, out: &mut Vec<f32>) {
        let count = self.ring.slots();
        if let Ok(chunk) = self.ring.read_chunk(count) {
            out.extend(chunk);
        }
    }

    /// Fills what a loudspeaker plays next, with silence where there is nothing. Once samples came, that is missed.
    pub(super) fn fill<T: Sample + FromSample<f32>>(&mut self, out: &mut [T]) {
        let count = self.ring.slots().min(out.len()) / self.channels * self.channels;
        let (filled, silent) = out.split_at_mut(count);
        if let Ok(chunk) = self.ring.read_chunk(count) {
            filled.iter_mut().zip(chunk).for_each(|(to, sample)| *to = T::from_sample(sample));
        }
        silent.fill(T::EQUILIBRIUM);
        if self.begun {
            self.status.miss(silent.len() / self.channels);
        }
        self.begun |= count > 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_any_type_come_through_in_order() {
        let (mut sender, mut receiver, status) = line(8, 2);
        sender.push_all(&[0_i16, 16_384, -16_384, -32_768]);
        sender.push_all(&[0.25_f32, 0.75]);
        let mut out = Vec::new();
        receiver.pop_all(&mut out);
        assert_eq!(out, [0.0, 0.5, -0.5, -1.0, 0.25, 0.75]);
        assert_eq!(status.missed(), 0);
    }

    #[test]
    fn whole_moments_that_find_no_place_are_missed_and_counted() {
        let (mut sender, mut receiver, status) = line(3, 2);
        sender.push_all(&[1.0_f32, 2.0, 3.0, 4.0]);
        sender.push_all(&[5.0_f32, 6.0, 7.0, 8.0]);
        assert_eq!(status.missed(), 1);
        let mut out = Vec::new();
        receiver.pop_all(&mut out);
        assert_eq!(out, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }

    #[test]
    fn a_sender_that_waits_loses_nothing() {
        let (mut sender, mut receiver, status) = line(2, 2);
        let samples: Vec<f32> = (0..40).map(|n| n as f32 / 64.0).collect();
        let (mut rest, mut heard) = (&samples[..], Vec::new());
        while !rest.is_empty() || !sender.is_empty() {
            rest = sender.push_some(rest);
            let mut out = [9.0_f32; 4];
            receiver.fill(&mut out);
            heard.extend(out);
        }
        assert_eq!(heard, samples);
        assert_eq!(status.missed(), 0);
    }

    #[test]
    fn silence_is_missed_sound_only_once_there_was_sound() {
        let (mut sender, mut receiver, status) = line(8, 1);
        let mut out = [7_u16; 3];
        receiver.fill(&mut out);
        assert_eq!((out, status.missed()), ([32_768; 3], 0));
        sender.push_some(&[0.5, 0.5]);
        receiver.fill(&mut out);
        assert_eq!((out, status.missed()), ([49_152, 49_152, 32_768], 0));
        for missed in [3, 6] {
            receiver.fill(&mut out);
            assert_eq!(status.missed(), missed);
        }
    }

    #[test]
    fn channels_stay_in_step_where_a_moment_is_not_whole() {
        let (mut sender, mut receiver, status) = line(4, 2);
        sender.push_all(&[1.0_f32, 2.0, 3.0]);
        assert_eq!(sender.push_some(&[4.0, 5.0, 6.0]), [6.0]);
        let mut out = [9.0_f32; 3];
        receiver.fill(&mut out);
        assert_eq!((out, status.missed()), ([1.0, 2.0, 0.0], 0));
        let mut out = [9.0_f32; 6];
        receiver.fill(&mut out);
        assert_eq!((out, status.missed()), ([4.0, 5.0, 0.0, 0.0, 0.0, 0.0], 2));
    }

    #[test]
    fn a_line_is_empty_when_all_was_taken() {
        let (mut sender, mut receiver, _) = line(4, 1);
        assert!(sender.is_empty());
        sender.push_some(&[1.0, 2.0]);
        let mut out = [0.0_f32];
        receiver.fill(&mut out);
        assert!(!sender.is_empty());
        receiver.fill(&mut out);
        assert!(sender.is_empty());
    }

    #[test]
    fn the_first_fault_is_kept() {
        let (_, _, status) = line(1, 1);
        assert_eq!(status.fault(), None);
        status.stop("unplugged".to_owned());
        status.stop("and so on".to_owned());
        assert_eq!(status.fault(), Some("unplugged"));
    }
}
