//! Which vectors of tiles are seen of an image, and in what order.
//!
//! Liu et al., "LLaVA-NeXT: Improved reasoning, OCR, and world knowledge"; Li et al., "LLaVA-OneVision". The rounding is that
//! of transformers.

use std::ops::Range;

use mlx_core::{Array, Result as MlxResult};
use mlx_image::Size;

use crate::Result;

/// What each token is: a mixture of a few vectors of tiles, and of the one behind them, which ends a row.
#[derive(Debug, Default)]
pub(super) struct Mosaic(Vec<Mixture>);

/// Vectors by number, and how much there is of each.
type Mixture = [(usize, f32); 4];

/// Vectors in rows and columns, each a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sheet {
    /// How many tiles are in a column and in a row.
    pub(super) tiles: Size,
    /// How many vectors are in a column and in a row of a tile.
    pub(super) side: usize,
    /// The number of the first vector.
    pub(super) first: usize,
}

impl Mosaic {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// One vector.
    pub(super) fn push(&mut self, number: usize) {
        self.0.push([(number, 1.0), (number, 0.0), (number, 0.0), (number, 0.0)]);
    }

    /// All vectors of a range.
    pub(super) fn extend(&mut self, numbers: Range<usize>) {
        numbers.for_each(|number| self.push(number));
    }

    /// `size` vectors in rows and columns, interpolated linearly from those of the ranges of `sheet`, and `newline` behind
    /// each row if there is one.
    pub(super) fn resized(
        &mut self,
        sheet: Sheet,
        [rows, columns]: [Range<usize>; 2],
        size: Size,
        newline: Option<usize>,
    ) {
        for row in 0..size.height {
            let down = between(row, rows.len(), size.height);
            for column in 0..size.width {
                let across = between(column, columns.len(), size.width);
                let mut mixture = [(0, 0.0); 4];
                let pairs = down.iter().flat_map(|y| across.iter().map(move |x| (y, x)));
                for (slot, (y, x)) in mixture.iter_mut().zip(pairs) {
                    *slot = (sheet.number(rows.start + y.0, columns.start + x.0), y.1 * x.1);
                }
                self.0.push(mixture);
            }
            newline.into_iter().for_each(|newline| self.push(newline));
        }
    }

    /// What goes to [`see`] beside patches: the numbers `[mixed, tokens]`, and how much there is of each.
    pub(super) fn arrays(&self) -> Result<[Array; 2]> {
        let plain = self.0.iter().all(|[(_, share), ..]| *share == 1.0);
        let mixed = if plain { 1 } else { 4 };
        let parts = (0..mixed).flat_map(|at| self.0.iter().filter_map(move |mixture| mixture.get(at)));
        let (numbers, shares): (Vec<i32>, Vec<f32>) =
            parts.map(|&(number, share)| (i32::try_from(number).unwrap_or(i32::MAX), share)).unzip();
        let length = i32::try_from(self.len()).unwrap_or(i32::MAX);
        let shape = [i32::try_from(mixed).unwrap_or(i32::MAX), length];
        Ok([Array::from_vec(numbers, shape)?, Array::from_vec(shares, shape)?])
    }
}

/// The mixtures that [`Mosaic::arrays`] describes, of `vectors` `[vectors, width]`.
pub(super) fn see(vectors: &Array, numbers: &Array, shares: &Array) -> MlxResult<Array> {
    let [mixed, length] = numbers.dims()?;
    if mixed == 1 {
        return vectors.take(&numbers.reshape([length])?, 0);
    }
    let mut sum = None;
    for at in 0..mixed {
        let share = shares.index(at)?.reshape([length, 1])?.astype(vectors.dtype())?;
        let part = (vectors.take(&numbers.index(at)?, 0)? * share)?;
        sum = Some(match sum {
            None => part,
            Some(sum) => (sum + part)?,
        });
    }
    sum.ok_or_else(|| mlx_core::Error::custom("mosaic", "there are no mixtures"))
}

impl Sheet {
    /// How many vectors are in a column and in a row.
    pub(super) fn size(&self) -> Size {
        Size { height: self.tiles.height * self.side, width: self.tiles.width * self.side }
    }

    fn number(&self, row: usize, column: usize) -> usize {
        let tile = row / self.side * self.tiles.width + column / self.side;
        self.first + (tile * self.side + row % self.side) * self.side + column % self.side
    }

    /// The rows and columns that show an image of size `source`, and not room beside it.
    pub(super) fn shown(&self, source: Size) -> [Range<usize>; 2] {
        let Size { height, width } = self.size();
        let (wide, high) = (width as f64, height as f64);
        let inner = |length: f64| ((length * 1e7).round_ties_even() / 1e7) as usize;
        let room = |all: usize, shown: usize| {
            let padding = all.saturating_sub(shown) / 2;
            padding..all - padding
        };
        if source.width as f64 / source.height as f64 > wide / high {
            let shown = inner(source.height as f64 * (wide / source.width as f64));
            [room(height, shown), 0..width]
        } else {
            let shown = inner(source.width as f64 * (high / source.height as f64));
            [0..height, room(width, shown)]
        }
    }
}

/// The two of `from` places in a line between which the place `at` of `count` is, and how much there is of each, as torch
/// interpolates.
fn between(at: usize, from: usize, count: usize) -> [(usize, f32); 2] {
    if from == count {
        return [(at, 1.0), (at, 0.0)];
    }
    let place = ((at as f32 + 0.5) * (from as f32 / count as f32) - 0.5).max(0.0);
    let last = from.saturating_sub(1);
    let first = (place as usize).min(last);
    let share = place - first as f32;
    [(first, 1.0 - share), ((first + 1).min(last), share)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(height: usize, width: usize) -> Sheet {
        Sheet { tiles: Size { height, width }, side: 2, first: 4 }
    }

    #[test]
    fn vectors_of_tiles_are_numbered_tile_by_tile() {
        let numbers: Vec<_> = (0..4).map(|column| sheet(1, 2).number(1, column)).collect();
        assert_eq!(numbers, [6, 7, 10, 11]);
    }

    #[test]
    fn room_beside_an_image_is_not_shown() {
        let [rows, columns] = sheet(2, 2).shown(Size { height: 10, width: 40 });
        assert_eq!((rows, columns), (1..3, 0..4));
        let [rows, columns] = sheet(2, 2).shown(Size { height: 40, width: 1 });
        assert_eq!((rows, columns), (0..4, 2..2));
    }

    #[test]
    fn a_place_is_between_its_neighbours() {
        assert_eq!(between(0, 4, 2), [(0, 0.5), (1, 0.5)]);
        assert_eq!(between(1, 4, 2), [(2, 0.5), (3, 0.5)]);
        assert_eq!(between(2, 3, 3), [(2, 1.0), (2, 0.0)]);
        assert_eq!(between(0, 1, 3), [(0, 1.0), (0, 0.0)]);
    }
}
