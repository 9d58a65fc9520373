//! A few rows with a matrix stored as `[n, k]`: scalar products with its rows, each of which is read once.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::ops::Range;

use crate::numbers::Float;
use crate::pool::{self, Columns};
use crate::simd::{Kernel, Simd};

/// `x · wᵀ`: `[m, depth]`, `[n, depth] -> [m, n]`.
pub(super) struct Dots<'a, W> {
    pub(super) depth: usize,
    pub(super) x: &'a [f32],
    pub(super) w: &'a [W],
    pub(super) out: &'a mut [f32],
}

impl<W: Float> Kernel for Dots<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let columns = self.w.len() / self.depth;
        let grain = super::grain(self.depth).next_multiple_of(ABREAST);
        pool::each_columns(self.out, columns, grain, |out| {
            s.enter(Lines { depth: self.depth, x: self.x, w: self.w, out });
        });
    }
}

/// Rows of `w` that are read at a time where there are several of `x`.
const ABREAST: usize = 3;
/// Rows of `x` that are multiplied at a time: their sums with `ABREAST` rows fill the registers.
const TOGETHER: usize = 4;

/// The products with some rows of `w`.
struct Lines<'a, 'b, W> {
    depth: usize,
    x: &'a [f32],
    w: &'a [W],
    out: Columns<'b, f32>,
}

impl<W: Float> Kernel for Lines<'_, '_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let rows = self.x.len() / self.depth;
        let abreast = if rows == 1 { 1 } else { ABREAST };
        let columns = self.out.range();
        for first in columns.clone().step_by(abreast) {
            let count = abreast.min(columns.end - first);
            for row in (0..rows).step_by(TOGETHER) {
                match (count, rows - row) {
                    (ABREAST, 1) => self.products::<S, 1, ABREAST, 1>(s, row, first),
                    (ABREAST, 2) => self.products::<S, 2, ABREAST, 1>(s, row, first),
                    (ABREAST, 3) => self.products::<S, 3, ABREAST, 1>(s, row, first),
                    (ABREAST, _) => self.products::<S, TOGETHER, ABREAST, 1>(s, row, first),
                    _ => {
                        for row in row..rows.min(row + TOGETHER) {
                            for column in first..first + count {
                                self.products::<S, 1, 1, 4>(s, row, column);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl<W: Float> Lines<'_, '_, W> {
    /// The products of `N` rows of `x` with `R` rows of `w`, in `V` sums each.
    #[inline(always)]
    fn products<S: Simd, const N: usize, const R: usize, const V: usize>(
        &mut self,
        s: S,
        row: usize,
        column: usize,
    ) {
        let depth = self.depth;
        let mut x = [&self.x[row * depth..][..depth]; N];
        for (n, x) in x.iter_mut().enumerate().skip(1) {
            *x = &self.x[(row + n) * depth..][..depth];
        }
        let mut w = [&self.w[column * depth..][..depth]; R];
        for (r, w) in w.iter_mut().enumerate().skip(1) {
            *w = &self.w[(column + r) * depth..][..depth];
        }
        let dots = dots::<S, W, N, R, V>(s, depth, x, w);
        let first = self.out.range().start;
        for (n, dots) in dots.into_iter().enumerate() {
            for (r, dot) in dots.into_iter().enumerate() {
                self.out.row(row + n)[column + r - first] = dot;
            }
        }
    }
}

/// The scalar products of rows of `depth` elements.
#[inline(always)]
fn dots<S: Simd, W: Float, const N: usize, const R: usize, const V: usize>(
    s: S,
    depth: usize,
    x: [&[f32]; N],
    w: [&[W]; R],
) -> [[f32; R]; N] {
    let mut sums = [[[s.splat(0.0); V]; R]; N];
    let mut at = 0;
    while at + V * S::LANES <= depth {
        for v in 0..V {
            let place = at + v * S::LANES;
            add(s, place..place + S::LANES, x, w, &mut sums, v);
        }
        at += V * S::LANES;
    }
    while at < depth {
        add(s, at..depth.min(at + S::LANES), x, w, &mut sums, 0);
        at += S::LANES;
    }
    let mut out = [[0.0; R]; N];
    for n in 0..N {
        for r in 0..R {
            let mut sum = sums[n][r][0];
            for other in &sums[n][r][1..] {
                sum = s.add(sum, *other);
            }
            out[n][r] = s.sum(sum);
        }
    }
    out
}

/// Adds the products of elements at some places, as many as a vector has, to sum `v`.
#[inline(always)]
fn add<S: Simd, W: Float, const N: usize, const R: usize, const V: usize>(
    s: S,
    places: Range<usize>,
    x: [&[f32]; N],
    w: [&[W]; R],
    sums: &mut [[[S::F; V]; R]; N],
    v: usize,
) {
    let mut vectors = [s.splat(0.0); R];
    for (vector, w) in vectors.iter_mut().zip(w) {
        *vector = W::load(s, &w[places.clone()]);
    }
    for n in 0..N {
        let x = s.load(&x[n][places.clone()]);
        for r in 0..R {
            sums[n][r][v] = s.mul_add(x, vectors[r], sums[n][r][v]);
        }
    }
}
