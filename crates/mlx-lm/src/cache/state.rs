//! What a recurrent layer remembers: its state, which does not grow.

use std::rc::Rc;

use mlx_core::{Array, Result};
use mlx_nn::{LeftPadding, Offset};

/// The arrays that a recurrent layer carries on, such as the last inputs of a convolution and the state of an SSM,
/// each `[batch, …]`.
#[derive(Clone, Debug)]
pub struct StateCache {
    pub(super) arrays: Vec<Option<Array>>,
    /// The places seen.
    pub(super) end: i32,
    pub(super) padding: Option<Rc<LeftPadding>>,
    /// How many places each text has, counted from the first of all, where the rest is padding behind it.
    pub(super) lengths: Option<Vec<i32>>,
}

impl StateCache {
    pub(super) fn new(arrays: usize) -> Self {
        Self { arrays: vec![None; arrays], end: 0, padding: None, lengths: None }
    }

    /// One of the arrays; absent before the first token.
    pub fn get(&self, at: usize) -> Option<&Array> {
        self.arrays.get(at)?.as_ref()
    }

    /// Replaces one of the arrays.
    ///
    /// # Errors
    /// The layer has fewer.
    pub fn set(&mut self, at: usize, array: Array) -> Result<()> {
        let count = self.arrays.len();
        let place = self.arrays.get_mut(at);
        *place.ok_or_else(|| super::error(format!("array {at} of {count} is not there")))? = Some(array);
        Ok(())
    }

    /// Says that the arrays are those after `length` more tokens.
    pub fn advance(&mut self, length: i32) {
        self.end = self.end.saturating_add(length);
    }

    /// The position of the next token, for each text of a batch.
    pub fn offset(&self) -> Offset<'_> {
        match &self.padding {
            None => Offset::All(self.end),
            Some(padding) => Offset::Padded { end: self.end, padding },
        }
    }

    /// Says how many of the tokens to come are real in each text of a batch; the others are padding behind them.
    pub fn set_lengths(&mut self, lengths: Option<&[i32]>) {
        self.lengths =
            lengths.map(|lengths| lengths.iter().map(|length| self.end.saturating_add(*length)).collect());
    }

    /// True where one of the next `length` tokens is real, `[batch, length]`; absent if all are.
    pub fn mask(&self, length: i32) -> Result<Option<Array>> {
        let end = self.end.saturating_add(length);
        let places = || Array::arange(self.end..end);
        let starts =
            self.padding.as_ref().filter(|padding| padding.widths().iter().any(|&width| width > self.end));
        let stops = self.lengths.as_ref().filter(|stops| stops.iter().any(|&stop| stop < end));
        let after = match starts {
            Some(padding) => Some((places()? + padding.shift().expand_dims(1)?)?.greater_equal(0)?),
            None => None,
        };
        let Some(stops) = stops else { return Ok(after) };
        let stops = Array::from_slice(stops, [i32::try_from(stops.len()).unwrap_or(i32::MAX), 1])?;
        let before = places()?.less(stops)?;
        Ok(Some(match after {
            Some(after) => after.logical_and(before)?,
            None => before,
        }))
    }

    /// What a convolution carries on of `rows` `[batch, count + length, …]`, those that it carried and those of the next
    /// `length` tokens: the last `count`, not counting padding behind a text.
    pub fn last_rows(&self, rows: &Array, count: i32) -> Result<Array> {
        let length = rows.dim(1)? - count;
        let end = self.end.saturating_add(length);
        let Some(stops) = self.lengths.as_ref().filter(|stops| stops.iter().any(|&stop| stop < end)) else {
            // A copy, so that the other rows are given up.
            return rows.index((.., length..))?.contiguous(false);
        };
        let ends = stops.iter().map(|stop| stop.saturating_sub(self.end).clamp(0, length.max(0)));
        let ends = Array::from_slice(&ends.collect::<Vec<_>>(), [stops.len() as i32, 1])?;
        let places = (ends + Array::arange(0..count)?)?;
        rows.take_along_axis(&places.expand_dims(2)?, 1)
    }

    pub(super) fn arrays(&self) -> impl Iterator<Item = &Array> {
        self.arrays.iter().flatten()
    }
}
