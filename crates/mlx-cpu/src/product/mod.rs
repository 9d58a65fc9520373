//! Products of matrices: rows of floats with the columns of a matrix that may be stored in any way.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

mod after;
pub(crate) mod dense;
mod packed;
pub(crate) mod square;
mod tile;

use std::marker::PhantomData;
use std::ops::Range;

use crate::numbers::{Element, Float};
use crate::pool::Columns;
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, pool, simd};

pub(crate) use after::After;
use packed::Packed;
use tile::Tiles;
pub(crate) use tile::{Halves, Singles, Term};

/// The right side of a product `[m, k] · [k, n]`.
pub(crate) trait Right: Sync {
    /// What an element is on both sides, as the bits of a float.
    type Term: Term;

    /// `k`.
    fn depth(&self) -> usize;
    /// `n`.
    fn columns(&self) -> usize;

    /// Writes elements of some rows and columns as rows of `width` floats. Where there are fewer columns, any value may
    /// stand in their place.
    fn write<S: Simd>(&self, s: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]);
}

/// The left side of a product.
pub(crate) trait Left: Sync {
    /// Writes elements of a row as singles.
    fn write<S: Simd>(&self, s: S, row: usize, columns: Range<usize>, to: &mut [f32]);
}

/// Rows of the right side that are unpacked at a time: with the columns of a tile, half of the first cache.
const DEPTH: usize = 256;
/// Rows of the left side that are laid out at a time: with `DEPTH` columns, most of the second cache.
const ROWS: usize = 768;

/// `left · right` into `out` `[m, n]`.
pub(crate) fn multiply<T: Element, U: Float>(level: Level, left: &[T], right: &impl Right, out: &mut [U]) {
    multiply_then(level, left, right, After::nothing(), out);
}

/// What `after` makes of `left · right`, into `out` `[m, n]`.
pub(crate) fn multiply_then<T: Element, U: Float>(
    level: Level,
    left: &[T],
    right: &impl Right,
    after: After<'_, U>,
    out: &mut [U],
) {
    let left = &dense::Rows { elements: left, depth: right.depth() };
    simd::dispatch(level, Product { left, right, after, out });
}

/// The same, for rows that are made when they are needed.
pub(crate) fn multiply_rows<U: Float>(level: Level, left: &impl Left, right: &impl Right, out: &mut [U]) {
    simd::dispatch(level, Product { left, right, after: After::nothing(), out });
}

struct Product<'a, L, R, U> {
    left: &'a L,
    right: &'a R,
    after: After<'a, U>,
    out: &'a mut [U],
}

impl<L: Left, R: Right, U: Float> Kernel for Product<'_, L, R, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (depth, columns) = (self.right.depth(), self.right.columns());
        let rows = self.out.len().checked_div(columns).unwrap_or(0);
        if rows == 0 {
            return;
        }
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let together = rows.div_ceil(rows.div_ceil(ROWS)).next_multiple_of(tile);
        let mut memory = Scratch::new(Packed::size(together.min(rows), tile, depth));
        for (number, out) in self.out.chunks_mut(together * columns).enumerate() {
            let first = number * together;
            let rows = first..rows.min(first + together);
            let memory = &mut memory[..Packed::size(rows.len(), tile, depth)];
            let left = Packed::new(s, self.left, rows.clone(), depth, memory);
            let rows = rows.len();
            pool::each_columns(out, columns, width * panels(rows * depth, columns, width), |out| {
                let columns = out.range();
                let count = columns.len().div_ceil(width);
                let mut sums = Scratch::new(count * rows.next_multiple_of(tile) * width);
                s.enter(Panels { left: &left, right: self.right, rows, columns, sums: &mut sums });
                s.enter(Write { sums: &mut sums, rows, first_row: first, after: self.after, out });
            });
        }
    }
}

/// How many panels of `width` columns a thread takes at a time, for a left side of so many elements: more to read the
/// left side less often, fewer to share the work evenly.
fn panels(left: usize, columns: usize, width: usize) -> usize {
    let least = LEAST / (left * width).max(1);
    let fair = columns / width / (8 * pool::threads());
    fair.clamp(1, 4).max(least)
}

/// Products of numbers that are not worth being shared: some 10 µs.
const LEAST: usize = 500_000;

/// A few columns of a product, panel by panel.
struct Panels<'a, R> {
    left: &'a Packed<'a>,
    right: &'a R,
    rows: usize,
    columns: Range<usize>,
    /// For each panel, for each row of whole tiles: as many floats as a tile has columns.
    sums: &'a mut [f32],
}

impl<R: Right> Kernel for Panels<'_, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let size = self.rows.next_multiple_of(tile) * width;
        self.sums.fill(0.0);
        let mut panel = Scratch::new(DEPTH * width);
        for first in (0..self.right.depth()).step_by(DEPTH) {
            let depth = first..self.right.depth().min(first + DEPTH);
            let panel = &mut panel[..depth.len() * width];
            for (start, sums) in self.columns.clone().step_by(width).zip(self.sums.chunks_exact_mut(size)) {
                let columns = start..self.columns.end.min(start + width);
                self.right.write(s, depth.clone(), columns, width, panel);
                let (left, stride) = (self.left.block(first), self.left.stride());
                s.enter(Tiles::<R::Term> { left, stride, panel, rows: self.rows, sums, term: PhantomData });
            }
        }
    }
}

/// Writes what panels hold to the columns of a matrix.
pub(crate) struct Write<'a, 'b, U> {
    /// For each panel, for each row of whole tiles: as many floats as a tile has columns.
    pub(crate) sums: &'a mut [f32],
    pub(crate) rows: usize,
    /// How many rows of the whole product stand before.
    pub(crate) first_row: usize,
    pub(crate) after: After<'a, U>,
    pub(crate) out: Columns<'b, U>,
}

impl<U: Float> Kernel for Write<'_, '_, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let panels = self.sums.chunks_exact_mut(self.rows.next_multiple_of(tile) * width);
        for (column, sums) in self.out.range().step_by(width).zip(panels) {
            let sums = &mut sums[..self.rows * width];
            self.after.change(s, column, width, sums);
            let offset = column - self.out.range().start;
            for (row, sums) in sums.chunks_exact(width).enumerate() {
                let first = (self.first_row + row) * self.out.width() + column;
                let to = &mut self.out.row(row)[offset..];
                let length = to.len().min(width);
                self.after.write(s, first, sums, &mut to[..length]);
            }
        }
    }
}
