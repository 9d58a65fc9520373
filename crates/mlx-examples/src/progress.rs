//! A bar that shows how far a loop is.

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on stderr, which is silent where stderr is no terminal; it collects the losses of the steps.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    losses: Vec<f32>,
}

impl Progress {
    /// A bar for a loop of `steps`.
    pub fn new(steps: usize) -> Self {
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {eta}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        Self { bar: ProgressBar::new(steps as u64).with_style(style), losses: Vec::with_capacity(steps) }
    }

    /// One step is done, and had this loss.
    pub fn step(&mut self, loss: f32) {
        self.losses.push(loss);
        self.bar.set_message(format!("loss {loss:.4}"));
        self.bar.inc(1);
    }

    /// Takes the bar away, and gives the losses.
    pub fn finish(self) -> Vec<f32> {
        self.bar.finish_and_clear();
        self.losses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_collected_in_order() {
        let mut progress = Progress::new(2);
        progress.step(2.0);
        progress.step(1.0);
        assert_eq!(progress.finish(), [2.0, 1.0]);
    }
}
