//! Products of matrices: rows of floats with the columns of a matrix that may be stored in any way.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

pub(crate) mod dense;
mod packed;
mod tile;

use std::ops::Range;

use crate::numbers::{Float, narrow};
use crate::pool::Columns;
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, pool, simd};

use packed::Packed;

/// The right side of a product `[m, k] · [k, n]`.
pub(crate) trait Right: Sync {
    /// `k`.
    fn depth(&self) -> usize;
    /// `n`.
    fn columns(&self) -> usize;

    /// Writes elements of some rows and columns as rows of `width` floats. Where there are fewer columns, any value may
    /// stand in their place.
    fn write<S: Simd>(&self, s: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]);
}

/// Rows of the right side that are unpacked at a time: with the columns of a tile, half of the first cache.
const DEPTH: usize = 256;

/// `left · right` into `out` `[m, n]`.
pub(crate) fn multiply<T: Float, U: Float>(level: Level, left: &[T], right: &impl Right, out: &mut [U]) {
    simd::dispatch(level, Product { left, right, out });
}

struct Product<'a, T, R, U> {
    left: &'a [T],
    right: &'a R,
    out: &'a mut [U],
}

impl<T: Float, R: Right, U: Float> Kernel for Product<'_, T, R, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (depth, columns) = (self.right.depth(), self.right.columns());
        let rows = self.out.len().checked_div(columns).unwrap_or(0);
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let mut memory = Scratch::new(rows.next_multiple_of(tile) * depth);
        let left = Packed::new(s, self.left, depth, &mut memory);
        pool::each_columns(self.out, columns, width, |out| {
            s.enter(Panel { left: &left, right: self.right, rows, out });
        });
    }
}

/// A few columns of a product: as many as a tile has.
struct Panel<'a, 'b, R, U> {
    left: &'a Packed<'a>,
    right: &'a R,
    rows: usize,
    out: Columns<'b, U>,
}

impl<R: Right, U: Float> Kernel for Panel<'_, '_, R, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let mut sums = Scratch::new(self.rows.next_multiple_of(tile) * width);
        sums.fill(0.0);
        let mut panel = Scratch::new(DEPTH * width);
        for first in (0..self.right.depth()).step_by(DEPTH) {
            let depth = first..self.right.depth().min(first + DEPTH);
            let panel = &mut panel[..depth.len() * width];
            self.right.write(s, depth.clone(), self.out.range(), width, panel);
            for (sums, left) in sums.chunks_exact_mut(tile * width).zip(self.left.tiles(depth)) {
                tile::add(s, left, panel, sums);
            }
        }
        for (row, sums) in sums.chunks_exact(width).take(self.rows).enumerate() {
            narrow(s, sums, self.out.row(row));
        }
    }
}
