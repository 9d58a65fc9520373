//! What one pass sees of a layer.

use mlx_core::{Array, Result};
use mlx_nn::Offset;

use super::mask::View;
use super::rows::Rows;
use super::{Mask, Scoring};

/// The keys and values that a layer's new tokens may see, after [`push`](super::LayerCache::push).
///
/// Layers that have no memory of their own attend to those of another layer by it, whatever that one keeps and how.
/// It is for the pass in which it was made.
#[derive(Clone, Debug)]
pub struct Seen {
    rows: Rows,
    view: View,
}

impl Seen {
    pub(super) fn new(rows: Rows, view: View) -> Self {
        Self { rows, view }
    }

    /// The position of the first new token, for each text of a batch.
    pub fn offset(&self) -> Offset<'_> {
        let end = self.view.end - self.view.length;
        match &self.view.padding {
            None => Offset::All(end),
            Some(padding) => Offset::Padded { end, padding },
        }
    }

    /// Attends to them: queries `[batch, heads, length, width]` of the new tokens give the same shape. `scoring` is a
    /// scale or a [`Scoring`].
    pub fn attend<'a>(&self, queries: &Array, scoring: impl Into<Scoring<'a>>, mask: &Mask) -> Result<Array> {
        scoring.into().attend(queries, &self.rows, &mask.visible(&self.view)?)
    }

    /// Keys and values as arrays `[batch, kv_heads, tokens, width]`.
    pub(super) fn dense(&self) -> Result<(Array, Array)> {
        Ok((self.rows.keys()?.dense()?, self.rows.values()?.dense()?))
    }

    /// Which of them each new token may see; none if that is all.
    pub(super) fn mask(&self, mask: &Mask) -> Result<Option<Array>> {
        mask.array_for(&self.view)
    }
}
