//! What an engine is doing, for all to see.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// What an engine is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Its model is loaded with the next request.
    Unloaded,
    Loading,
    Ready,
    /// Its model could not be loaded, for this reason. The next request tries again.
    Failed(String),
    /// The server is ending.
    Closed,
}

impl Phase {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Unloaded => "unloaded",
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Failed(_) => "failed",
            Self::Closed => "closed",
        }
    }
}

/// What an engine's thread and its handle both see.
pub(crate) struct Shared {
    phase: Mutex<Phase>,
    waiting: AtomicUsize,
    queue: usize,
    running: AtomicUsize,
    restarts: AtomicU64,
}

impl Shared {
    pub(super) fn new(queue: usize) -> Self {
        Self {
            phase: Mutex::new(Phase::Unloaded),
            waiting: AtomicUsize::new(0),
            queue,
            running: AtomicUsize::new(0),
            restarts: AtomicU64::new(0),
        }
    }

    /// A place in the queue for one more job. Returns whether there was one.
    pub(super) fn enter(&self) -> bool {
        let more = |waiting| (waiting < self.queue).then_some(waiting + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    /// A job waits no longer.
    pub(crate) fn leave(&self) {
        self.waiting.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn queue(&self) -> usize {
        self.queue
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Acquire)
    }

    /// How many jobs are in hand.
    pub(crate) fn running(&self) -> usize {
        self.running.load(Ordering::Acquire)
    }

    pub(crate) fn set_running(&self, count: usize) {
        self.running.store(count, Ordering::Release);
    }

    pub(crate) fn restarts(&self) -> u64 {
        self.restarts.load(Ordering::Acquire)
    }

    pub(super) fn count_restart(&self) {
        self.restarts.fetch_add(1, Ordering::AcqRel);
        self.set_running(0);
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().clone()
    }

    pub(super) fn set(&self, phase: Phase) {
        *self.lock() = phase;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Phase> {
        // Nothing that holds it can panic.
        self.phase.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
