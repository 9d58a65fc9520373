//! A few rows with a matrix stored as `[k, n]`: sums of its rows, each of which is read once.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use crate::numbers::Float;
use crate::pool::{self, Columns};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};

/// `x · w`: `[m, depth]`, `[depth, n] -> [m, n]`.
pub(super) struct Sums<'a, W> {
    pub(super) depth: usize,
    pub(super) x: &'a [f32],
    pub(super) w: &'a [W],
    pub(super) out: &'a mut [f32],
}

/// Columns of which sums are kept at a time: many, to read memory in long streams.
const WIDTH: usize = 2048;

impl<W: Float> Kernel for Sums<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.w.len() / self.depth;
        let fair = width / (2 * pool::threads());
        let grain = fair.clamp(super::grain(self.depth).min(WIDTH), WIDTH).next_multiple_of(S::LANES);
        pool::each_columns(self.out, width, grain, |out| {
            s.enter(Part { depth: self.depth, width, x: self.x, w: self.w, out });
        });
    }
}

/// Some columns of the product.
struct Part<'a, 'b, W> {
    depth: usize,
    width: usize,
    x: &'a [f32],
    w: &'a [W],
    out: Columns<'b, f32>,
}

/// Rows of `w` that are added at a time.
const ABREAST: usize = 4;
/// Rows of `x` that they are multiplied with at a time.
const TOGETHER: usize = 4;

impl<W: Float> Kernel for Part<'_, '_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let count = self.out.range().len();
        let width = count.next_multiple_of(S::LANES);
        let rows = self.x.len() / self.depth;
        let mut sums = Scratch::new(rows * width);
        sums.fill(0.0);
        let whole = self.depth / ABREAST * ABREAST;
        for first in (0..whole).step_by(ABREAST) {
            self.add_rows::<S, ABREAST>(s, first, &mut sums, width);
        }
        for first in whole..self.depth {
            self.add_rows::<S, 1>(s, first, &mut sums, width);
        }
        for (row, sums) in sums.chunks_exact(width).enumerate() {
            self.out.row(row).copy_from_slice(&sums[..count]);
        }
    }
}

impl<W: Float> Part<'_, '_, W> {
    /// Adds `R` rows of `w` from `first` on, times the elements of rows of `x`, to their sums.
    #[inline(always)]
    fn add_rows<S: Simd, const R: usize>(&self, s: S, first: usize, sums: &mut [f32], width: usize) {
        let blocks = self.x.chunks(TOGETHER * self.depth).zip(sums.chunks_mut(TOGETHER * width));
        for (x, sums) in blocks {
            match sums.len() / width {
                1 => self.add::<S, R, 1>(s, first, x, sums),
                2 => self.add::<S, R, 2>(s, first, x, sums),
                3 => self.add::<S, R, 3>(s, first, x, sums),
                _ => self.add::<S, R, TOGETHER>(s, first, x, sums),
            }
        }
    }

    /// The same for `N` rows of `x`.
    #[inline(always)]
    fn add<S: Simd, const R: usize, const N: usize>(&self, s: S, first: usize, x: &[f32], sums: &mut [f32]) {
        let columns = self.out.range();
        let mut rows = [&self.w[..columns.len()]; R];
        let mut factors = [[0.0; R]; N];
        for (r, row) in rows.iter_mut().enumerate() {
            *row = &self.w[(first + r) * self.width + columns.start..][..columns.len()];
            for (factors, x) in factors.iter_mut().zip(x.chunks_exact(self.depth)) {
                factors[r] = x[first + r];
            }
        }
        let width = sums.len() / N;
        let whole = columns.len() / S::LANES * S::LANES;
        let mut at = 0;
        while at + S::LANES <= whole {
            let mut vectors = [s.splat(0.0); R];
            for (vector, row) in vectors.iter_mut().zip(&rows) {
                *vector = W::load(s, &row[at..at + S::LANES]);
            }
            add(s, &vectors, &factors, sums, at, width);
            at += S::LANES;
        }
        if whole < columns.len() {
            let mut vectors = [s.splat(0.0); R];
            for (vector, row) in vectors.iter_mut().zip(&rows) {
                *vector = W::load(s, &row[whole..]);
            }
            add(s, &vectors, &factors, sums, whole, width);
        }
    }
}

/// Adds vectors, times factors, to the sums of each row at some place.
#[inline(always)]
fn add<S: Simd, const R: usize, const N: usize>(
    s: S,
    vectors: &[S::F; R],
    factors: &[[f32; R]; N],
    sums: &mut [f32],
    at: usize,
    width: usize,
) {
    for (factors, sums) in factors.iter().zip(sums.chunks_exact_mut(width)) {
        let sums = &mut sums[at..at + S::LANES];
        let mut sum = s.load(sums);
        for (&factor, &vector) in factors.iter().zip(vectors) {
            sum = s.mul_add(s.splat(factor), vector, sum);
        }
        s.store(sums, sum);
    }
}
