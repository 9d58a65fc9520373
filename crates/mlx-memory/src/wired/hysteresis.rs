//! When the limit goes down.

use std::time::Duration;

/// When the limit is lowered while active tickets remain.
///
/// Raising it happens at once. Lowering it again and again makes Metal move memory, so a small difference, or one
/// soon after another, waits for the next ticket that is released or for [`Wired::settle`](crate::Wired::settle).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hysteresis {
    /// The part of the limit that must be free: 0.25 at first.
    pub ratio: f64,
    /// The time since the last change: a second at first.
    pub cooldown: Duration,
}

impl Default for Hysteresis {
    fn default() -> Self {
        Self { ratio: 0.25, cooldown: Duration::from_secs(1) }
    }
}
