//! How a failure is told: one line on stderr, and an exit code.
//!
//! The line is one of JSON where results would be, too: `{"error": {"command", "kind", "message"}}`.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use clap::error::ErrorKind as Usage;
use serde_json::json;

use crate::terminal::Paint;

/// The result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// A failure that was told already, in the results.
#[derive(Debug)]
pub(crate) struct Told;

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("told already")
    }
}

impl Error for Told {}

/// How failures of this run are told.
pub(crate) struct Teller {
    /// The subcommand; empty if there is none.
    command: String,
    json: bool,
}

impl Teller {
    /// As the arguments of the program ask for.
    pub(crate) fn new(arguments: impl IntoIterator<Item = OsString>) -> Self {
        let arguments: Vec<String> =
            arguments.into_iter().skip(1).map(|argument| argument.to_string_lossy().into_owned()).collect();
        let options = arguments.iter().take_while(|argument| *argument != "--");
        let json = options.clone().any(|option| option == "--json" || option == "--format=json")
            || options
                .clone()
                .zip(options.clone().skip(1))
                .any(|(name, value)| value == "json" && (name == "--format" || name == "-f"));
        let command = arguments.first().filter(|first| !first.starts_with('-'));
        Self { command: command.cloned().unwrap_or_default(), json }
    }

    /// Tells the failure, if there is one. A reader that went away is none.
    pub(crate) fn report(&self, outcome: Outcome) -> ExitCode {
        let flushed = || Ok(crate::stdout::stdout().flush()?);
        let Err(error) = outcome.and_then(|()| flushed()) else { return ExitCode::SUCCESS };
        if is_broken_pipe(error.as_ref()) {
            return ExitCode::SUCCESS;
        }
        if !error.is::<Told>() {
            self.tell("failed", without_place(&one_line(&error.to_string())));
        }
        ExitCode::FAILURE
    }

    /// Prints the help or the version that was asked for, or tells why the command line is none.
    pub(crate) fn refuse(&self, error: &clap::Error) -> ExitCode {
        let is_answer = matches!(
            error.kind(),
            Usage::DisplayHelp | Usage::DisplayVersion | Usage::DisplayHelpOnMissingArgumentOrSubcommand
        );
        if is_answer {
            let _ = error.print();
        } else {
            let is_known = error.kind() != Usage::InvalidSubcommand;
            let program = ["mlx", if is_known { &self.command } else { "" }].join(" ");
            let what = self.what_is_wrong(&error.render().to_string());
            self.tell("usage", &format!("{what}; see `{} --help`", program.trim_end()));
        }
        u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
    }

    /// What clap says, without the lines that say the same each time.
    fn what_is_wrong(&self, rendered: &str) -> String {
        let paragraphs = rendered.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
        let wanted = paragraphs.filter(|text| !text.starts_with("Usage:") && !text.starts_with("For more"));
        let lines = wanted.map(|text| one_line(text.strip_prefix("error: ").unwrap_or(text)));
        lines.collect::<Vec<_>>().join("; ")
    }

    fn tell(&self, kind: &str, message: &str) {
        let line = if self.json {
            let command = Some(&self.command).filter(|command| !command.is_empty());
            json!({"error": {"command": command, "kind": kind, "message": message}}).to_string()
        } else {
            format!("{} {message}", Paint::stderr().wrong("error:"))
        };
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// A text of several lines as one. What follows a colon is a list.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for part in text.lines().map(str::trim).filter(|part| !part.is_empty()) {
        match line.chars().last() {
            None => {}
            Some(':' | ',' | ';' | '.' | '(' | '[' | '{') => line.push(' '),
            Some(_) => line.push_str("; "),
        }
        line.push_str(part);
    }
    line
}

/// The text without the place in the program that errors of MLX end with.
fn without_place(text: &str) -> &str {
    let place = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (at "));
    match place.and_then(|(text, place)| Some((text, place.rsplit_once(".rs:")?.1))) {
        Some((text, line)) if line.bytes().all(|digit| digit.is_ascii_digit()) => text,
        _ => text,
    }
}

/// Whether what was written to was closed by its reader.
fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let kind = match error.downcast_ref::<io::Error>() {
        Some(error) => Some(error.kind()),
        None => error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind),
    };
    kind == Some(ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teller(line: &str) -> Teller {
        Teller::new(line.split(' ').map(OsString::from))
    }

    #[test]
    fn json_is_what_the_command_line_asks_for() {
        for line in ["mlx bench --json", "mlx transcribe --format json a.wav", "mlx transcribe --format=json"]
        {
            assert!(teller(line).json, "{line}");
        }
        for line in ["mlx bench", "mlx generate --prompt json", "mlx transcribe -- --json"] {
            assert!(!teller(line).json, "{line}");
        }
        assert_eq!([teller("mlx bench").command, teller("mlx --version").command], ["bench", ""]);
    }

    #[test]
    fn several_lines_become_one() {
        assert_eq!(one_line("these lack:\n  a\n  b\n\nend"), "these lack: a; b; end");
        assert_eq!(one_line(" one \n"), "one");
    }

    #[test]
    fn places_in_the_program_are_left_out() {
        assert_eq!(without_place("a: b (at crates/x/src/y.rs:7)"), "a: b");
        for text in ["a (at noon)", "a (at b.rs:c)", "a"] {
            assert_eq!(without_place(text), text);
        }
    }

    #[test]
    fn a_closed_pipe_is_seen_within_json() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let error = serde_json::to_writer(Closed, &json!([1])).unwrap_err();
        assert!(is_broken_pipe(&error) && !is_broken_pipe(&Told));
    }
}
