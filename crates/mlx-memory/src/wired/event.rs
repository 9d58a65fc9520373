//! What happens to the wired limit and its tickets, for whoever listens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use super::TicketKind;
use crate::Bytes;

/// How many events wait for a listener before further ones are missed.
const WAITING: usize = 1024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The limit was changed.
    Limit {
        /// The limit before.
        from: Bytes,
        /// The limit now.
        to: Bytes,
    },
    /// MLX refused a limit. The one before still holds.
    LimitFailed {
        /// The limit that was refused.
        wanted: Bytes,
        /// Why, in MLX's words.
        reason: String,
    },
    /// Somebody else set the limit while a guard or an active ticket lived.
    Overwritten {
        /// The limit that should have been there.
        expected: Bytes,
        /// The limit that was.
        found: Bytes,
    },
    /// A lower limit would do, but the difference is too small or the last change too recent.
    Deferred {
        /// The limit now.
        from: Bytes,
        /// The limit that would do.
        to: Bytes,
    },
    /// A guard was installed or dropped.
    Guards {
        /// How many live now.
        count: usize,
    },
    /// A request waits until it fits.
    Waiting {
        /// What it asks for.
        bytes: Bytes,
    },
    /// A request did not fit in time.
    Refused {
        /// What it asked for.
        bytes: Bytes,
    },
    /// A ticket was given.
    Admitted {
        /// Its number.
        ticket: u64,
        /// What it holds.
        bytes: Bytes,
        /// Whether it raises the limit.
        kind: TicketKind,
    },
    /// A ticket became active or reserved.
    Changed {
        /// Its number.
        ticket: u64,
        /// What it is now.
        kind: TicketKind,
    },
    /// A ticket was given back.
    Returned {
        /// Its number.
        ticket: u64,
        /// What it held.
        bytes: Bytes,
    },
}

/// A listener's events, in order, as an iterator that waits for the next one.
#[derive(Debug)]
pub struct Events {
    queue: Receiver<Event>,
    missed: Arc<AtomicU64>,
}

impl Events {
    /// The next event, if one comes within `patience`.
    pub fn wait(&self, patience: Duration) -> Option<Event> {
        self.queue.recv_timeout(patience).ok()
    }

    /// How many events found the queue full, and are lost to this listener.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.queue.recv().ok()
    }
}

/// Where the events for one listener go.
pub(crate) struct Listener {
    queue: SyncSender<Event>,
    missed: Arc<AtomicU64>,
}

impl Listener {
    pub(crate) fn new() -> (Self, Events) {
        let (sender, receiver) = sync_channel(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        (Self { queue: sender, missed: Arc::clone(&missed) }, Events { queue: receiver, missed })
    }

    /// Hands the event over without waiting; `false` if nobody listens any more.
    pub(crate) fn tell(&self, event: &Event) -> bool {
        match self.queue.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.missed.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_that_does_not_read_misses_the_newest_and_knows_how_many() {
        let (listener, mut events) = Listener::new();
        for count in 0..WAITING + 3 {
            assert!(listener.tell(&Event::Guards { count }));
        }
        assert_eq!(events.missed(), 3);
        assert_eq!(events.next(), Some(Event::Guards { count: 0 }));
        assert_eq!(events.by_ref().take(WAITING - 1).last(), Some(Event::Guards { count: WAITING - 1 }));
        assert_eq!(events.wait(Duration::ZERO), None);
        drop(events);
        assert!(!listener.tell(&Event::Guards { count: 0 }));
    }
}
