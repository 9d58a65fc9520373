//! The left side of a product, laid out as tiles read it.

use std::ops::Range;

use crate::numbers::Float;
use crate::pool;
use crate::simd::{Kernel, Simd};

/// Tiles of as many rows as a tile has, one after the other; in each, column by column. Missing rows are zeros.
pub(super) struct Packed<'a> {
    memory: &'a [f32],
    tile: usize,
    depth: usize,
}

impl<'a> Packed<'a> {
    /// `left` `[m, depth]`, laid out in `memory`.
    pub(super) fn new<S: Simd, T: Float>(s: S, left: &[T], depth: usize, memory: &'a mut [f32]) -> Self {
        let (tile, _) = S::TILE;
        pool::each_part(memory, tile * depth, 4, |number, to| {
            let first = (number * tile * depth).min(left.len());
            s.enter(Pack { rows: &left[first..], depth, tile, to });
        });
        Self { memory, tile, depth }
    }

    /// Some columns of every tile.
    pub(super) fn tiles(&self, columns: Range<usize>) -> impl Iterator<Item = &[f32]> {
        let part = columns.start * self.tile..columns.end * self.tile;
        self.memory.chunks_exact(self.tile * self.depth).map(move |tile| &tile[part.clone()])
    }
}

struct Pack<'a, T> {
    rows: &'a [T],
    depth: usize,
    tile: usize,
    to: &'a mut [f32],
}

impl<T: Float> Kernel for Pack<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        for at in 0..self.tile {
            let to = self.to.iter_mut().skip(at).step_by(self.tile);
            let row = self.rows.chunks_exact(self.depth).nth(at);
            match row {
                Some(row) => to.zip(row).for_each(|(to, from)| *to = from.to_f32()),
                None => to.for_each(|to| *to = 0.0),
            }
        }
    }
}
