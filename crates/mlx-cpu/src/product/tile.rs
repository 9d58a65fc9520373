//! The innermost loops of a product: a tile of sums that stays in registers.

use std::marker::PhantomData;

use crate::simd::{Kernel, Simd};

/// Adds the products of tiles of the left side, column by column, and of a panel of the right side to `sums`.
pub(super) struct Tiles<'a, T> {
    /// Tiles that begin `stride` floats after each other.
    pub(super) left: &'a [f32],
    pub(super) stride: usize,
    pub(super) panel: &'a [f32],
    /// How many rows count: the last tile may have fewer.
    pub(super) rows: usize,
    pub(super) sums: &'a mut [f32],
    pub(super) term: PhantomData<T>,
}

/// What is added to a sum for an element of both sides.
pub(crate) trait Term: Sync + 'static {
    fn add<S: Simd>(s: S, left: S::F, right: S::F, sum: S::F) -> S::F;
}

/// An element is a single.
pub(crate) struct Singles;

/// An element is a pair of `bfloat16`.
pub(crate) struct Halves;

impl Term for Singles {
    #[inline(always)]
    fn add<S: Simd>(s: S, left: S::F, right: S::F, sum: S::F) -> S::F {
        s.mul_add(left, right, sum)
    }
}

impl Term for Halves {
    #[inline(always)]
    fn add<S: Simd>(s: S, left: S::F, right: S::F, sum: S::F) -> S::F {
        s.add_dot_bf16(sum, s.to_bits(left), s.to_bits(right))
    }
}

impl<T: Term> Kernel for Tiles<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match S::TILE {
            (12, 2) => self.add::<S, 12, 2>(s),
            (6, 2) => self.add::<S, 6, 2>(s),
            _ => self.add::<S, 4, 1>(s),
        }
    }
}

impl<T: Term> Tiles<'_, T> {
    #[inline(always)]
    fn add<S: Simd, const TILE: usize, const VECTORS: usize>(self, s: S) {
        let sums = self.sums.chunks_exact_mut(TILE * VECTORS * S::LANES);
        for (number, (left, sums)) in self.left.chunks(self.stride).zip(sums).enumerate() {
            match self.rows - number * TILE {
                1 => add::<S, T, TILE, 1, VECTORS>(s, left, self.panel, sums),
                2 => add::<S, T, TILE, 2, VECTORS>(s, left, self.panel, sums),
                3 => add::<S, T, TILE, 3, VECTORS>(s, left, self.panel, sums),
                4 => add::<S, T, TILE, 4, VECTORS>(s, left, self.panel, sums),
                _ => add::<S, T, TILE, TILE, VECTORS>(s, left, self.panel, sums),
            }
        }
    }
}

/// Adds the products of the first `ROWS` rows of a tile.
#[inline(always)]
fn add<S: Simd, T: Term, const TILE: usize, const ROWS: usize, const VECTORS: usize>(
    s: S,
    left: &[f32],
    panel: &[f32],
    sums: &mut [f32],
) {
    let width = VECTORS * S::LANES;
    let mut tile = [[s.splat(0.0); VECTORS]; ROWS];
    for (tile, sums) in tile.iter_mut().zip(sums.chunks_exact(width)) {
        for (v, sum) in tile.iter_mut().enumerate() {
            *sum = s.load(&sums[v * S::LANES..]);
        }
    }
    for (left, right) in left.chunks_exact(TILE).zip(panel.chunks_exact(width)) {
        let mut vectors = [s.splat(0.0); VECTORS];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = s.load(&right[v * S::LANES..]);
        }
        for (tile, &left) in tile.iter_mut().zip(left) {
            let left = s.splat(left);
            for (sum, &vector) in tile.iter_mut().zip(&vectors) {
                *sum = T::add(s, left, vector, *sum);
            }
        }
    }
    for (tile, sums) in tile.iter().zip(sums.chunks_exact_mut(width)) {
        for (v, &sum) in tile.iter().enumerate() {
            s.store(&mut sums[v * S::LANES..], sum);
        }
    }
}
