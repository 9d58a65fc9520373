//! Colours, where what reads is a terminal and `NO_COLOR` is not set.

use std::env;
use std::io::{self, IsTerminal};

use clap::builder::styling::{AnsiColor, Style, Styles};

/// The colours of `--help`.
pub(crate) const STYLES: Styles =
    Styles::styled().header(HEADING).usage(HEADING).literal(AnsiColor::Cyan.on_default()).error(WRONG);

const HEADING: Style = AnsiColor::Green.on_default().bold();
const WRONG: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();
const ASIDE: Style = Style::new().dimmed();

/// Colours of one of the standard streams; none if it is no terminal.
#[derive(Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// No colours.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self(false)
    }

    /// Of what goes to stdout.
    pub(crate) fn stdout() -> Self {
        Self(has_colours(&io::stdout()))
    }

    /// Of what goes to stderr.
    pub(crate) fn stderr() -> Self {
        Self(has_colours(&io::stderr()))
    }

    /// A title.
    pub(crate) fn heading(self, text: &str) -> String {
        self.with(HEADING, text)
    }

    /// What says that something failed.
    pub(crate) fn wrong(self, text: &str) -> String {
        self.with(WRONG, text)
    }

    /// What says that something may be better.
    pub(crate) fn doubtful(self, text: &str) -> String {
        self.with(DOUBTFUL, text)
    }

    /// What is not the matter itself, such as statistics.
    pub(crate) fn aside(self, text: &str) -> String {
        self.with(ASIDE, text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.0 { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn has_colours(stream: &impl IsTerminal) -> bool {
    let is_unset = |name| env::var_os(name).is_none_or(|value| value.is_empty());
    stream.is_terminal() && is_unset("NO_COLOR") && env::var_os("TERM").is_none_or(|term| term != "dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_ends_where_its_text_does() {
        assert_eq!(Paint(true).wrong("error:"), "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m");
        assert_eq!(Paint(false).wrong("error:"), "error:");
    }
}
