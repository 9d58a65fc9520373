//! Bars for long work. They draw only on a terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for bytes, whose number is not known yet.
pub(crate) fn bytes(what: &'static str) -> ProgressBar {
    styled(what, "{msg:32!} {bar:30} {bytes:>10}/{total_bytes:10} {eta}")
}

/// A bar for things, whose number is not known yet.
pub(crate) fn count(what: &'static str) -> ProgressBar {
    styled(what, "{msg:32!} {bar:30} {pos:>10}/{len:10} {eta}")
}

fn styled(what: &'static str, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
