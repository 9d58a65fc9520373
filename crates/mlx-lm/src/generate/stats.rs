//! Speed and memory of a generation.

use std::fmt;
use std::time::{Duration, Instant};

use mlx_memory::{Bytes, Peak};

use super::Drafts;
use crate::Result;

/// Speed and memory of a generation.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// Time until the first new token was known.
    pub prompt_time: Duration,
    /// New tokens.
    pub generation_tokens: usize,
    /// Time from the first new token to the last.
    pub generation_time: Duration,
    /// What became of drafted tokens.
    pub drafts: Drafts,
    /// The most memory that MLX used.
    pub peak_memory: Bytes,
}

impl Stats {
    /// Prompt tokens a second.
    pub fn prompt_tps(&self) -> f64 {
        rate(self.prompt_tokens, self.prompt_time)
    }

    /// New tokens a second, the first left out, since the prompt's time holds it.
    pub fn generation_tps(&self) -> f64 {
        rate(self.generation_tokens.saturating_sub(1), self.generation_time)
    }
}

fn rate(count: usize, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "prompt: {} tokens, {:.1} tokens/s", self.prompt_tokens, self.prompt_tps())?;
        writeln!(f, "generation: {} tokens, {:.1} tokens/s", self.generation_tokens, self.generation_tps())?;
        if self.drafts.drafted > 0 {
            writeln!(f, "drafts: {}", self.drafts)?;
        }
        write!(f, "peak memory: {:.2}", self.peak_memory)
    }
}

/// Takes the [`Stats`] of one generation.
pub(super) struct Meter {
    stats: Stats,
    peak: Peak,
    started: Instant,
    first_token: Option<Instant>,
}

impl Meter {
    /// Starts before the prompt is run.
    pub(super) fn start(prompt_tokens: usize) -> Result<Self> {
        let stats = Stats { prompt_tokens, ..Stats::default() };
        Ok(Self { stats, peak: Peak::start()?, started: Instant::now(), first_token: None })
    }

    /// Counts a new token, which is known now.
    pub(super) fn count(&mut self) -> Result<()> {
        let now = Instant::now();
        let first = *self.first_token.get_or_insert(now);
        self.stats.prompt_time = first.duration_since(self.started);
        self.stats.generation_time = now.duration_since(first);
        self.stats.generation_tokens += 1;
        self.stats.peak_memory = self.peak.so_far()?;
        Ok(())
    }

    /// Tells what became of drafted tokens so far.
    pub(super) fn set_drafts(&mut self, drafts: Drafts) {
        self.stats.drafts = drafts;
    }

    pub(super) fn stats(&self) -> &Stats {
        &self.stats
    }
}
