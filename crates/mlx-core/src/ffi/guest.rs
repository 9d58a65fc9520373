//! Code that MLX calls on threads of its own: kernels, readers, and their destructors.

use std::any::Any;
use std::cell::Cell;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::gate;

thread_local! {
    static GUESTS: Cell<usize> = const { Cell::new(0) };
}

/// Whether such code runs on this thread. It may not use queues: MLX's thread would wait for others, and would
/// end in the middle of MLX's own end with a queue to give back.
pub(super) fn is_running() -> bool {
    GUESTS.get() > 0
}

/// Runs anybody's code for MLX.
///
/// # Errors
/// It panicked; this is what it said.
pub(super) fn run<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    let _pass = gate::inside();
    GUESTS.set(GUESTS.get() + 1);
    let result = quietly(f);
    GUESTS.set(GUESTS.get().saturating_sub(1));
    result
}

/// Runs anybody's code in a call of C's, which cannot unwind.
///
/// # Errors
/// It panicked; this is what it said.
pub(super) fn quietly<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(text_of)
}

/// What a panic says.
fn text_of(panic: Box<dyn Any + Send>) -> String {
    let panic = match panic.downcast::<String>() {
        Ok(text) => return *text,
        Err(panic) => panic,
    };
    match panic.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(panic) => {
            // Its destructor may panic again.
            mem::forget(panic);
            "it said nothing".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_its_text() {
        assert_eq!(quietly(|| panic!("number {}", 7)), Err::<(), _>("number 7".to_owned()));
        assert_eq!(quietly(|| panic!("word")), Err::<(), _>("word".to_owned()));
    }

    #[test]
    fn what_was_thrown_may_panic_when_it_is_dropped() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        assert_eq!(run(|| std::panic::panic_any(Bomb)), Err::<(), _>("it said nothing".to_owned()));
        assert!(!is_running());
    }
}
