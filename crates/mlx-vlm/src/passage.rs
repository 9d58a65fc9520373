//! How a prompt is run part by part.

use std::ops::Range;

use mlx_core::Array;
use mlx_lm::cache::Upcoming;
use mlx_nn::Places;

use crate::{Prompt, Result};

impl Prompt {
    /// How many of a range of tokens are placeholders.
    pub(crate) fn placeholders(&self, range: Range<usize>, placeholders: &[u32]) -> i32 {
        let tokens = self.tokens.get(range).unwrap_or_default();
        let count = tokens.iter().filter(|token| placeholders.contains(token)).count();
        i32::try_from(count).unwrap_or(i32::MAX)
    }

    /// Where a chunk of about `step` tokens ends: not among tokens that see each other.
    pub(crate) fn chunk_end(&self, at: usize, step: usize) -> usize {
        let mut end = at.saturating_add(step.max(1));
        for range in &self.layout.together {
            let [start, stop] = [range.start, range.end].map(|place| place.unsigned_abs() as usize);
            if start < end && end < stop {
                end = if start > at { start } else { stop };
            }
        }
        end
    }

    /// What the tokens of a range have that text has not.
    pub(crate) fn upcoming(&self, range: Range<usize>) -> Result<Upcoming> {
        let layout = &self.layout;
        let inside = |other: &Range<i32>| {
            (range.start as i32) < other.end && other.start < i32::try_from(range.end).unwrap_or(i32::MAX)
        };
        let together = layout.together.iter().filter(|other| inside(other)).cloned().collect();
        let Some(positions) = layout.positions.get(range.clone()).filter(|_| !layout.positions.is_empty())
        else {
            return Ok(Upcoming { positions: None, together });
        };
        let axes = (0..3).flat_map(|axis| positions.iter().filter_map(move |place| place.get(axis)));
        let axes: Vec<i32> = axes.copied().collect();
        let places = Array::from_slice(&axes, [3, 1, i32::try_from(positions.len()).unwrap_or(i32::MAX)])?;
        let next = layout.positions.get(range.end).map_or(layout.next, |[time, ..]| *time);
        Ok(Upcoming { positions: Some((Places::new(places)?, next)), together })
    }
}
