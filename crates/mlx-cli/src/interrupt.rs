//! Ctrl-C, and signals alike, that leave no half-written file behind.
//!
//! A signal ends the program at once, unless something is held: then it ends when that is let go. A second one ends it
//! whatever is held.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::failure::Outcome;

/// What is held, and which signal has come.
struct State {
    holds: usize,
    signal: Option<i32>,
}

static STATE: Mutex<State> = Mutex::new(State { holds: 0, signal: None });

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Begins to wait for signals. Where the system does not let it, they end the program as they always do.
pub(crate) fn listen() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let wait = move || {
        for signal in signals.forever() {
            // Held until the program has ended, so that nothing begins meanwhile.
            let mut state = state();
            if state.holds == 0 || state.signal.replace(signal).is_some() {
                let _ = emulate_default_handler(signal);
            }
        }
    };
    let _ = thread::Builder::new().name("mlx-signals".to_owned()).spawn(wait);
}

/// Something that is brought to an end before a signal ends the program: a file that is written, a sentence.
///
/// It has to be let go last, when what must not be left behind is gone.
pub(crate) struct Hold(());

impl Hold {
    pub(crate) fn begin() -> Self {
        state().holds += 1;
        Self(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = state();
        state.holds = state.holds.saturating_sub(1);
        if let Some(signal) = state.signal.filter(|_| state.holds == 0) {
            let _ = emulate_default_handler(signal);
        }
    }
}

/// That a signal came while something was held. Nobody sees it: the program ends when that is let go.
#[derive(Debug)]
struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl Error for Interrupted {}

/// Whether a signal has come while something is held.
pub(crate) fn has_come() -> bool {
    state().signal.is_some()
}

/// An error once a signal has come.
pub(crate) fn check() -> Outcome {
    if has_come() { Err(Interrupted.into()) } else { Ok(()) }
}

/// As [`check`], where no error can be given back: unwinds, without a word, to where the thing is held.
pub(crate) fn unwind() {
    if has_come() {
        std::panic::resume_unwind(Box::new(Interrupted));
    }
}

/// Forgets a signal, and tells whether there was one.
pub(crate) fn take() -> bool {
    state().signal.take().is_some()
}
