//! The left side of a product, laid out as tiles read it.

use std::ops::Range;

use super::{DEPTH, Left, square};
use crate::pool;
use crate::simd::{Kernel, Simd};

/// Blocks of `DEPTH` columns, the last of which may be shorter; in each, tiles of as many rows as a tile has; in each,
/// column by column. In the place of rows that are missing stands anything.
pub(super) struct Packed<'a> {
    memory: &'a [f32],
    tile: usize,
    /// From a block to the next one.
    block: usize,
}

impl<'a> Packed<'a> {
    /// How many floats are laid out for some rows.
    pub(super) fn size(rows: usize, tile: usize, depth: usize) -> usize {
        rows.next_multiple_of(tile) * depth.next_multiple_of(DEPTH)
    }

    /// Some rows of `left`, laid out in `memory`.
    pub(super) fn new<S: Simd>(
        s: S,
        left: &impl Left,
        rows: Range<usize>,
        depth: usize,
        memory: &'a mut [f32],
    ) -> Self {
        let (tile, _) = S::TILE;
        let tiles = rows.len().div_ceil(tile);
        // Some 100 KiB at a time.
        pool::each_part(memory, tile * DEPTH, 16, |number, to| {
            let (block, tile_number) = (number / tiles, number % tiles);
            let columns = block * DEPTH..depth.min((block + 1) * DEPTH);
            let first = rows.start + tile_number * tile;
            s.enter(Pack { left, rows: first..rows.end.min(first + tile), columns, to });
        });
        Self { memory, tile, block: tiles * tile * DEPTH }
    }

    /// The block that begins with a column: tiles that begin [`stride`](Self::stride) floats after each other.
    pub(super) fn block(&self, column: usize) -> &[f32] {
        self.memory.chunks_exact(self.block).nth(column / DEPTH).unwrap_or_default()
    }

    /// From a tile of a block to the next one.
    pub(super) fn stride(&self) -> usize {
        self.tile * DEPTH
    }
}

struct Pack<'a, L> {
    left: &'a L,
    rows: Range<usize>,
    columns: Range<usize>,
    to: &'a mut [f32],
}

impl<L: Left> Kernel for Pack<'_, L> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (tile, _) = S::TILE;
        let (length, count) = (self.columns.len(), self.rows.len());
        let mut wide = [0.0; 12 * DEPTH];
        for (row, wide) in self.rows.zip(wide.chunks_exact_mut(DEPTH)) {
            self.left.write(s, row, self.columns.clone(), wide.get_mut(..length).unwrap_or_default());
        }
        let row = |lane: usize| {
            let first = lane.min(count - 1) * DEPTH;
            wide.get(first..first + length).unwrap_or_default()
        };
        square::transpose(s, row, tile, self.to);
    }
}
