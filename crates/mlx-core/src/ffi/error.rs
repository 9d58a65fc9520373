//! MLX's messages, kept per thread until the failed call picks them up.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Once;

use mlx_sys as sys;

use crate::{Error, Kind};

thread_local! {
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Replaces mlx-c's handler, which would end the process. Cheap after the first time.
pub(super) fn install_handler() {
    static INSTALLED: Once = Once::new();
    // SAFETY: `Once` makes this the only write of C's unsynchronised handler, and it happens before the
    // first call that could read it; `keep` lives as long as the program and needs no data.
    INSTALLED.call_once(|| unsafe { sys::mlx_set_error_handler(Some(keep), std::ptr::null_mut(), None) });
}

extern "C" fn keep(message: *const c_char, _: *mut c_void) {
    if message.is_null() {
        return;
    }
    // SAFETY: mlx-c passes a terminated string that lives until this function returns.
    let text = unsafe { CStr::from_ptr(message) }.to_string_lossy();
    let text = without_op(without_place(&text)).to_owned();
    let _ = MESSAGE.try_with(|slot| slot.replace(Some(text)));
}

/// mlx-c ends each message with the source line of mlx-c that caught the exception.
fn without_place(message: &str) -> &str {
    let place = message.rfind(" at ").filter(|&at| message[at..].contains(".cpp:"));
    place.map_or(message, |at| &message[..at])
}

/// MLX begins many messages with the name of the op in brackets, which the error has already.
fn without_op(message: &str) -> &str {
    let rest = message.strip_prefix('[').and_then(|rest| rest.split_once("] "));
    rest.filter(|(op, _)| !op.contains(char::is_whitespace)).map_or(message, |(_, rest)| rest)
}

/// The error of the call that just failed on this thread.
#[track_caller]
pub(super) fn take(op: &'static str) -> Error {
    let message = MESSAGE.try_with(RefCell::take).ok().flatten();
    Error::new(Kind::Mlx, op, message.unwrap_or_else(|| "MLX gave no reason".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::{without_op, without_place};

    #[test]
    fn the_place_in_mlx_c_is_dropped() {
        assert_eq!(without_place("[matmul] bad shapes at /a b/mlx/c/ops.cpp:12"), "[matmul] bad shapes");
        assert_eq!(without_place("look at this"), "look at this");
    }

    #[test]
    fn the_op_in_brackets_is_dropped() {
        assert_eq!(without_op("[matmul] bad shapes"), "bad shapes");
        assert_eq!(without_op("[1, 2] and [3] differ"), "[1, 2] and [3] differ");
        assert_eq!(without_op("[matmul]"), "[matmul]");
    }
}
