//! What could not be read for the arrays of a thread, until that thread picks it up.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, Kind, Result};

thread_local! {
    static FAILURE: Failure = Failure::default();
}

/// The first failure of a thread's readers that was not reported yet. MLX reads on threads of its own.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<String>>>);

impl Failure {
    /// This thread's; one that nobody picks up where the thread is ending.
    pub(super) fn of_thread() -> Self {
        FAILURE.try_with(Self::clone).unwrap_or_default()
    }

    pub(super) fn set(&self, why: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
    }

    fn take(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Reports a failed read of this thread's arrays, once.
#[track_caller]
pub(super) fn report(op: &'static str) -> Result<()> {
    match FAILURE.try_with(Failure::take).ok().flatten() {
        Some(why) => Err(Error::new(Kind::Io, op, why)),
        None => Ok(()),
    }
}
