//! How a failure is told: one line on stderr, and an exit code.

use std::error::Error;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

/// The result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Tells the failure, if there is one. A reader that went away is none.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    let Err(error) = outcome else { return ExitCode::SUCCESS };
    if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let line = error.to_string().replace('\n', "\n  ");
    let _ = writeln!(io::stderr(), "error: {line}");
    ExitCode::FAILURE
}
