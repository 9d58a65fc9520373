//! Bars for long work. They draw only on a terminal.

use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use mlx_lm::PromptProgress;

/// A bar for bytes, whose number is not known yet.
pub(crate) fn bytes(what: &'static str) -> ProgressBar {
    styled(what, "{msg:32!} {bar:30} {bytes:>10}/{total_bytes:10} {eta}")
}

/// A bar for things, whose number is not known yet.
pub(crate) fn count(what: &'static str) -> ProgressBar {
    styled(what, "{msg:32!} {bar:30} {pos:>10}/{len:10} {eta}")
}

/// A bar for the tokens of a prompt, of which all but the last are run before the answer begins.
pub(crate) fn prompt() -> PromptProgress {
    let bar = count("prompt");
    PromptProgress::new(move |done, all| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
        if done + 1 >= all {
            bar.finish_and_clear();
        }
        ControlFlow::Continue(())
    })
}

fn styled(what: &'static str, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
