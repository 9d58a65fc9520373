//! Results, which go to stdout.

use std::io::{self, ErrorKind, StdoutLock, Write};

/// The standard output, whose errors say that it is meant.
pub(crate) struct Stdout(StdoutLock<'static>);

/// Locks the standard output.
pub(crate) fn stdout() -> Stdout {
    Stdout(io::stdout().lock())
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(about)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(about)
    }
}

/// An interruption is left to those who write all, and a reader that went away to [`failure`](crate::failure).
fn about(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::Interrupted => error,
        kind => io::Error::new(kind, format!("standard output: {error}; write to where there is room")),
    }
}
