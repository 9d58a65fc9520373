//! Where the texts of a batch stand.

use mlx_core::{Array, Result};

use super::Places;

/// The position of the first of some places that follow others, for each text of a batch.
#[derive(Clone, Copy, Debug)]
pub enum Offset<'a> {
    /// The same for all.
    All(i32),
    /// So many places came before, the first of which are padding.
    Padded {
        /// The places before.
        end: i32,
        /// How many of them are no part of each text.
        padding: &'a LeftPadding,
    },
    /// Each place has a position of its own.
    At(&'a Places),
}

/// How many places stand before the first of each text in a batch. Where positions leap, as behind images, that may
/// be less than none.
#[derive(Clone, Debug)]
pub struct LeftPadding {
    widths: Vec<i32>,
    /// `[batch]`: from a place to its position.
    shift: Array,
}

impl LeftPadding {
    /// One width for each text.
    pub fn new(widths: Vec<i32>) -> Result<Self> {
        let turned: Vec<_> = widths.iter().map(|width| -width).collect();
        let shift = Array::from_slice(&turned, [i32::try_from(turned.len()).unwrap_or(i32::MAX)])?;
        Ok(Self { widths, shift })
    }

    /// The widths.
    pub fn widths(&self) -> &[i32] {
        &self.widths
    }

    /// The widths with their sign turned, `[batch]`.
    pub fn shift(&self) -> &Array {
        &self.shift
    }
}

impl Offset<'_> {
    /// The positions of `length` places: `[length]`, or `[batch, length]` where texts differ. Those of padding are
    /// negative. Where places have several, they are those along the first axis.
    pub fn positions(self, length: i32) -> Result<Array> {
        match self {
            Self::All(first) => Array::arange(first..first.saturating_add(length)),
            Self::Padded { end, padding } => {
                Array::arange(end..end.saturating_add(length))? + padding.shift.expand_dims(1)?
            }
            Self::At(places) => places.first(),
        }
    }
}

impl From<i32> for Offset<'_> {
    fn from(first: i32) -> Self {
        Self::All(first)
    }
}
