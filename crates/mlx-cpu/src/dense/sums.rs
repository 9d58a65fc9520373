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

/// Columns of which sums are kept at a time: long enough to read memory in a stream.
const WIDTH: usize = 512;

impl<W: Float> Kernel for Sums<'_, W> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.w.len() / self.depth;
        let fair = width / (4 * pool::threads());
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

impl<W: Float> Kernel for Part<'_, '_, W> {
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
            self.out.row(row).copy_from_slice(sums);
        }
    }
}

impl<W: Float> Part<'_, '_, W> {
    /// Adds `R` rows of `w` to the sums of each row of `x`, times its elements.
    #[inline(always)]
    fn add<S: Simd, const R: usize>(&self, s: S, first: usize, sums: &mut [f32]) {
        let columns = self.out.range();
        let mut w = [&self.w[..0]; R];
        for (r, w) in w.iter_mut().enumerate() {
            *w = &self.w[(first + r) * self.width + columns.start..][..columns.len()];
        }
        for (x, sums) in self.x.chunks_exact(self.depth).zip(sums.chunks_exact_mut(columns.len())) {
            let mut factors = [s.splat(0.0); R];
            for (factor, &x) in factors.iter_mut().zip(&x[first..]) {
                *factor = s.splat(x);
            }
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
