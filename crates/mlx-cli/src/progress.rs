//! Bars for long work. They draw only on a terminal.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::sync::LazyLock;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use mlx_lm::PromptProgress;

/// All bars, each on a line of its own.
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// A bar for bytes, whose number is not known yet.
pub(crate) fn bytes(what: impl Into<Cow<'static, str>>) -> ProgressBar {
    styled(what, "{msg:32!} {bar:30} {bytes:>10}/{total_bytes:10} {eta}")
}

/// A bar for things, whose number is not known yet.
pub(crate) fn count(what: impl Into<Cow<'static, str>>) -> ProgressBar {
    styled(what, "{msg:32!} {bar:30} {pos:>10}/{len:10} {eta}")
}

/// Shows how long something takes that does not tell how far it is, until this is dropped.
pub(crate) struct Busy(ProgressBar);

impl Busy {
    pub(crate) fn with(what: &'static str) -> Self {
        let bar = styled(what, "{spinner} {msg} {elapsed}");
        if !bar.is_hidden() {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self(bar)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Does work, and shows how long it takes.
pub(crate) fn during<T>(what: &'static str, work: impl FnOnce() -> T) -> T {
    let _busy = Busy::with(what);
    work()
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

fn styled(what: impl Into<Cow<'static, str>>, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(0).with_message(what);
    let bar = match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    };
    BARS.add(bar)
}
