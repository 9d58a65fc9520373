//! The one place that changes the wired limit: guards and tickets say what they need, and the limit before them is
//! back when the last of them is gone.

mod admission;
mod epoch;

pub(crate) use admission::Request;

use std::sync::PoisonError;
use std::thread;

use mlx_core::Stream;

use self::admission::{Holding, Waiting};
use self::epoch::Epoch;
use super::backend::Backend;
use super::event::Listener;
use super::sync::{Condvar, Mutex, MutexGuard};
use super::warning::{self, Warnings};
use super::{Event, Events, Hysteresis, Status, WarningSink};
use crate::{Bytes, Result};

/// What all guards and tickets of a process share.
pub(crate) struct Coordinator {
    backend: Box<dyn Backend>,
    warnings: Warnings,
    state: Mutex<State>,
    /// A ticket was given back, or one that waited is gone.
    room: Condvar,
}

#[derive(Default)]
pub(crate) struct State {
    /// From the first guard or active ticket until the limit before it is back.
    epoch: Option<Epoch>,
    guards: usize,
    holdings: Vec<Holding>,
    waiting: Vec<Waiting>,
    next_id: u64,
    recommended: Option<u64>,
    hysteresis: Hysteresis,
    listeners: Vec<Listener>,
    /// What the holder of the lock has to tell.
    news: Vec<Event>,
}

impl Coordinator {
    pub(crate) fn new(backend: Box<dyn Backend>) -> Self {
        Self { backend, warnings: Warnings::new(), state: Mutex::new(State::default()), room: Condvar::new() }
    }

    /// How much the device recommends to keep resident; `None` where there is nothing to keep.
    pub(crate) fn recommended(&self) -> Result<Option<u64>> {
        if !self.backend.has_gpu() {
            return Ok(None);
        }
        Ok(self.backend.max_recommended()?.filter(|&bytes| bytes > 0))
    }

    /// Counts a guard for a model of so many bytes, and raises the limit for the first one. `false` where there is
    /// no limit to raise.
    pub(crate) fn enter(&self, model: u64) -> Result<bool> {
        let Some(recommended) = self.recommended()? else { return Ok(false) };
        if let Some(text) = warning::near_the_limit(model, recommended) {
            self.warnings.emit(&text);
        }
        let mut state = self.lock();
        state.recommended = Some(recommended);
        state.guards += 1;
        let raised = if state.guards == 1 { self.follow(&mut state) } else { Ok(()) };
        if raised.is_err() {
            state.guards -= 1;
        } else {
            state.tell_guards();
        }
        self.publish(state);
        raised.map(|()| true)
    }

    /// Waits for the work on `streams`, and takes a guard back. It never fails and never panics.
    pub(crate) fn leave(&self, streams: &[Stream]) {
        for stream in streams {
            let _ = self.backend.synchronize(Some(stream));
        }
        if streams.is_empty() {
            let _ = self.backend.synchronize(None);
        }
        let mut state = self.lock();
        debug_assert!(state.guards > 0 || thread::panicking(), "a guard is dropped that nobody counted");
        state.guards = state.guards.saturating_sub(1);
        if state.guards == 0 {
            let _ = self.follow(&mut state);
        }
        state.tell_guards();
        self.publish(state);
    }

    /// The limit before the first guard or active ticket of now; zero without one.
    pub(crate) fn old_limit(&self) -> u64 {
        self.lock().epoch.as_ref().map_or(0, |epoch| epoch.old)
    }

    /// Sets the limit to what the caller says, and returns the one before.
    pub(crate) fn set(&self, bytes: u64) -> Result<u64> {
        let mut state = self.lock();
        let before = self.backend.set_wired_limit(bytes);
        if let Ok(before) = before {
            state.note_foreign(before, bytes);
        }
        self.publish(state);
        Ok(before?)
    }

    /// Lowers the limit to what is needed now, whatever the hysteresis says.
    pub(crate) fn settle(&self) -> Result<()> {
        let mut state = self.lock();
        let settled = self.follow(&mut state);
        self.publish(state);
        settled
    }

    pub(crate) fn status(&self) -> Status {
        let state = self.lock();
        Status {
            limit: state.epoch.as_ref().map(|epoch| epoch.applied.into()),
            recommended: state.recommended.map(Bytes::from),
            guards: state.guards,
            active: state.held(super::TicketKind::Active),
            reserved: state.held(super::TicketKind::Reserved),
            waiting: state.waiting.len(),
        }
    }

    pub(crate) fn events(&self) -> Events {
        let (listener, events) = Listener::new();
        self.lock().listeners.push(listener);
        events
    }

    pub(crate) fn set_hysteresis(&self, hysteresis: Hysteresis) -> Hysteresis {
        std::mem::replace(&mut self.lock().hysteresis, hysteresis)
    }

    pub(crate) fn set_warning_sink(&self, sink: WarningSink) -> WarningSink {
        self.warnings.replace(sink)
    }

    /// The state, also after another thread panicked with it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the listeners what happened, in order, and the log once the lock is free.
    fn publish(&self, mut state: MutexGuard<'_, State>) {
        let news = std::mem::take(&mut state.news);
        for event in &news {
            state.listeners.retain(|listener| listener.tell(event));
        }
        drop(state);
        for event in news {
            match event {
                Event::Overwritten { expected, found } => self.warnings.emit(&format!(
                    "the wired limit was set to {found} while it was held at {expected}: set it through a guard or a \
                     ticket, or while none lives"
                )),
                event => tracing::debug!(target: "mlx_memory", ?event),
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn is_locked(&self) -> bool {
        self.state.try_lock().is_err()
    }

    #[cfg(test)]
    pub(crate) fn forget_guards(&self) {
        *self.lock() = State::default();
    }

    #[cfg(test)]
    pub(crate) fn poison(&self) {
        let poisoned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _state = self.lock();
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(poisoned.is_err() && self.state.lock().is_err());
    }
}

impl State {
    fn tell_guards(&mut self) {
        let count = self.guards;
        self.news.push(Event::Guards { count });
    }
}
