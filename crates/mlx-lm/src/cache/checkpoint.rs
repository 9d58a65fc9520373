//! Going back to an earlier place of a text, whatever the layers keep.

use std::ops::Range;

use super::rows::Rows;
use super::{AttentionCache, KvCache, LayerCache};
use crate::{Error, Result};

/// A place in a text to which a cache can go back; made by [`KvCache::checkpoint`].
#[derive(Debug)]
pub struct Checkpoint {
    /// Those of the leaves, in order.
    memories: Vec<Before>,
    offset: i32,
}

/// What one memory was.
#[derive(Debug)]
enum Before {
    /// It ended here. The tokens to come overwrite nothing.
    End(i32),
    /// It was this.
    Whole(LayerCache),
}

impl KvCache {
    /// The most tokens that one pass may run as if they came one by one, and of which any can be taken back.
    pub fn longest_trial(&self) -> i32 {
        let leaves = self.layers.iter().flat_map(LayerCache::leaves);
        let longest = leaves.filter_map(|leaf| match leaf {
            LayerCache::Attention(cache) => Some(cache.longest_trial()),
            LayerCache::State(_) | LayerCache::List(_) => None,
        });
        longest.min().unwrap_or(i32::MAX)
    }

    /// Marks this place, to which [`rollback`](Self::rollback) can go back after up to `tokens` more tokens.
    ///
    /// Of layers with room for these it holds nothing. Of others it holds the arrays, which are then not written in
    /// place.
    pub fn checkpoint(&self, tokens: i32) -> Checkpoint {
        let before = |leaf: &LayerCache| match leaf {
            LayerCache::Attention(cache) if cache.has_room(tokens) => Before::End(cache.end),
            leaf => Before::Whole(leaf.clone()),
        };
        let memories = self.layers.iter().flat_map(LayerCache::leaves).map(before).collect();
        Checkpoint { memories, offset: self.offset() }
    }

    /// Takes back the tokens since `checkpoint` but for the first `keep`. Returns how many it keeps: `keep`, or none
    /// where a layer has mixed the tokens in a state, so that those have to be run again.
    ///
    /// # Errors
    /// The checkpoint is of another cache, or more tokens have come than it was made for, or fewer than `keep`. What
    /// the cache holds is then undefined.
    pub fn rollback(&mut self, checkpoint: Checkpoint, keep: i32) -> Result<i32> {
        let since = self.offset() - checkpoint.offset;
        if keep == since {
            return Ok(keep);
        }
        let mut leaves: Vec<_> = self.layers.iter_mut().flat_map(LayerCache::leaves_mut).collect();
        if !(0..since).contains(&keep) || leaves.len() != checkpoint.memories.len() {
            let message =
                format!("{keep} tokens cannot be kept of the {since} that came after the checkpoint");
            return Err(Error::Cache(message));
        }
        let mixed = leaves.iter().any(|leaf| matches!(leaf, LayerCache::State(_)));
        let keep = if mixed { 0 } else { keep };
        for (leaf, before) in leaves.iter_mut().zip(checkpoint.memories) {
            leaf.go_back(before, keep)?;
        }
        Ok(keep)
    }
}

impl Checkpoint {
    /// The tokens that were seen.
    pub fn offset(&self) -> i32 {
        self.offset
    }
}

impl LayerCache {
    /// Makes this what it was before, and `keep` tokens more.
    fn go_back(&mut self, before: Before, keep: i32) -> Result<()> {
        match (self, before) {
            // A layer that takes its keys from another one keeps none.
            (Self::Attention(now), Before::End(end)) => now.ends_at(now.end.min(end + keep))?,
            (Self::Attention(now), Before::Whole(Self::Attention(mut before))) => {
                if keep > 0 {
                    before.push_rows(&now.rows_at(before.end..before.end + keep)?)?;
                }
                *now = before;
            }
            (now, Before::Whole(before)) => *now = before,
            (_, Before::End(_)) => return Err(Error::Cache("the checkpoint is of another cache".into())),
        }
        Ok(())
    }
}

impl AttentionCache {
    /// Whether so many tokens more can be written without another being overwritten.
    fn has_room(&self, tokens: i32) -> bool {
        self.end.saturating_add(tokens) <= self.reach.ring()
    }

    /// Rows that turn within the ring can be found again; those that are quantized later have to come later.
    fn longest_trial(&self) -> i32 {
        let plain = self.quantize.map(|quantize| quantize.start - self.end).filter(|&plain| plain > 0);
        plain.unwrap_or(i32::MAX).min(self.reach.ring())
    }

    /// The rows at `places`, as long as they are in the ring.
    fn rows_at(&self, places: Range<i32>) -> Result<Rows> {
        let (keep, ring) = (self.reach.keep(), self.reach.ring());
        let held = self.end.saturating_sub(ring).max(0)..=self.end;
        let rows = self.held()?.filter(|_| held.contains(&places.start) && held.contains(&places.end));
        let Some(rows) = rows else {
            return Err(Error::Cache("more tokens came after the checkpoint than it was made for".into()));
        };
        let start = keep + places.start % ring;
        let (end, turn) = (start.saturating_add(places.end - places.start), keep.saturating_add(ring));
        if end <= turn {
            return Ok(rows.slice(start..end)?);
        }
        Ok(Rows::joined(&[&rows.slice(start..turn)?, &rows.slice(keep..keep + end - turn)?])?)
    }
}
