//! A few rows with a matrix stored as `[k, n]`: sums of its rows, each of which is read once.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::array;

use crate::numbers::{Float, narrow};
use crate::pool::{self, Columns};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, simd};

/// `x · w`: `[m, depth]`, `[depth, n] -> [m, n]`.
pub(super) fn multiply<T: Float, W: Float, U: Float>(
    level: Level,
    depth: usize,
    x: &[T],
    w: &[W],
    out: &mut [U],
) {
    simd::dispatch(level, Sums { depth, x, w, out });
}

struct Sums<'a, T, W, U> {
    depth: usize,
    x: &'a [T],
    w: &'a [W],
    out: &'a mut [U],
}

/// Columns of which sums are kept at a time: long enough to read memory in a stream.
const WIDTH: usize = 512;

impl<T: Float, W: Float, U: Float> Kernel for Sums<'_, T, W, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.w.len() / self.depth;
        let share = width.div_ceil(pool::threads()).next_multiple_of(S::LANES);
        let grain = super::grain(self.depth).next_multiple_of(S::LANES).clamp(share.min(WIDTH / 4), WIDTH);
        pool::each_columns(self.out, width, grain, |out| {
            s.enter(Part { depth: self.depth, width, x: self.x, w: self.w, out });
        });
    }
}

/// Some columns of the product.
struct Part<'a, 'b, T, W, U> {
    depth: usize,
    width: usize,
    x: &'a [T],
    w: &'a [W],
    out: Columns<'b, U>,
}

/// Rows of `w` that are added at a time.
const ABREAST: usize = 4;

impl<T: Float, W: Float, U: Float> Kernel for Part<'_, '_, T, W, U> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let columns = self.out.range();
        let rows = self.x.len() / self.depth;
        let mut sums = Scratch::new(rows * columns.len());
        sums.fill(0.0);
        let mut first = 0;
        while first + ABREAST <= self.depth {
            self.add::<S, ABREAST>(s, first, &mut sums);
            first += ABREAST;
        }
        while first < self.depth {
            self.add::<S, 1>(s, first, &mut sums);
            first += 1;
        }
        for (row, sums) in sums.chunks_exact(columns.len()).enumerate() {
            narrow(s, sums, self.out.row(row));
        }
    }
}

impl<T: Float, W: Float, U: Float> Part<'_, '_, T, W, U> {
    /// Adds `R` rows of `w` to the sums of each row of `x`, times its elements.
    #[inline(always)]
    fn add<S: Simd, const R: usize>(&self, s: S, first: usize, sums: &mut [f32]) {
        let columns = self.out.range();
        let w: [&[W]; R] = array::from_fn(
            #[inline(always)]
            |r| &self.w[(first + r) * self.width + columns.start..][..columns.len()],
        );
        for (x, sums) in self.x.chunks_exact(self.depth).zip(sums.chunks_exact_mut(columns.len())) {
            let factors: [S::F; R] = array::from_fn(
                #[inline(always)]
                |r| s.splat(x[first + r].to_f32()),
            );
            for (number, sums) in sums.chunks_mut(S::LANES).enumerate() {
                let mut sum = s.load(sums);
                for r in 0..R {
                    let place = number * S::LANES;
                    sum = s.mul_add(factors[r], W::load(s, &w[r][place..place + sums.len()]), sum);
                }
                s.store(sums, sum);
            }
        }
    }
}
