//! When each frame is shown.

use std::time::Duration;

use crate::Frames;

/// The start of each frame, and the end of the last.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Times {
    starts: Vec<Duration>,
    length: Duration,
}

impl Times {
    /// Frames that are shown so long each; if all of them for no time at all, at the assumed rate.
    pub(crate) fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut length = Duration::ZERO;
        let start = |duration| {
            let start = length;
            length = length.saturating_add(duration);
            start
        };
        let starts = durations.into_iter().map(start).collect::<Vec<_>>();
        if length.is_zero() { Self::assumed(starts.len()) } else { Self { starts, length } }
    }

    /// Frames at the rate that is assumed of what has no times.
    pub(crate) fn assumed(count: usize) -> Self {
        let at = |index: usize| Duration::from_secs_f64(index as f64 / Frames::ASSUMED_RATE);
        Self { starts: (0..count).map(at).collect(), length: at(count) }
    }

    /// Frames at this rate.
    pub(crate) fn even(count: usize, rate: f64) -> Result<Self, String> {
        let at = |index: usize| Duration::try_from_secs_f64(index as f64 / rate);
        let refused = |_| format!("its frames cannot be shown at {rate} a second");
        if !(rate.is_finite() && rate > 0.0) {
            return Err(format!("its frames cannot be shown at {rate} a second"));
        }
        let starts = (0..count).map(at).collect::<Result<_, _>>().map_err(refused)?;
        Ok(Self { starts, length: at(count).map_err(refused)? })
    }

    pub(crate) fn count(&self) -> usize {
        self.starts.len()
    }

    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    pub(crate) fn start(&self, index: usize) -> Duration {
        self.starts.get(index).copied().unwrap_or(self.length)
    }

    /// Frames per second.
    pub(crate) fn rate(&self) -> f64 {
        self.count() as f64 / self.length.as_secs_f64()
    }
}
