//! A few rows with a matrix stored as `[n, k]`: scalar products with its rows.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

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
        pool::each_columns(self.out, columns, super::grain(self.depth), |out| {
            s.enter(Lines { depth: self.depth, x: self.x, w: self.w, out });
        });
    }
}

/// Rows of `x` that are multiplied at a time.
const TOGETHER: usize = 4;

/// The products with some rows of `w`, one after the other: memory is fastest in one stream.
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
        let depth = self.depth;
        for (at, column) in self.out.range().enumerate() {
            let w = &self.w[column * depth..(column + 1) * depth];
            for (number, x) in self.x.chunks(TOGETHER * depth).enumerate() {
                let mut dots = [0.0; TOGETHER];
                match x.len() / depth {
                    1 => dot::<S, W, 1, 4>(s, x, w, &mut dots),
                    2 => dot::<S, W, 2, 4>(s, x, w, &mut dots),
                    3 => dot::<S, W, 3, 3>(s, x, w, &mut dots),
                    _ => dot::<S, W, TOGETHER, 2>(s, x, w, &mut dots),
                }
                for (n, &dot) in dots.iter().enumerate().take(x.len() / depth) {
                    self.out.row(number * TOGETHER + n)[at] = dot;
                }
            }
        }
    }
}

/// The scalar products of `N` rows of `x` with `w`, in `V` sums each.
#[inline(always)]
fn dot<S: Simd, W: Float, const N: usize, const V: usize>(s: S, x: &[f32], w: &[W], dots: &mut [f32]) {
    let depth = w.len();
    let mut rows = [&x[..depth]; N];
    for (row, x) in rows.iter_mut().zip(x.chunks_exact(depth)) {
        *row = &x[..depth];
    }
    let mut sums = [[s.splat(0.0); V]; N];
    let mut at = 0;
    while at + V * S::LANES <= depth {
        for v in 0..V {
            let places = at + v * S::LANES..at + (v + 1) * S::LANES;
            let w = W::load(s, &w[places.clone()]);
            for (sums, row) in sums.iter_mut().zip(&rows) {
                sums[v] = s.mul_add(s.load(&row[places.clone()]), w, sums[v]);
            }
        }
        at += V * S::LANES;
    }
    while at + S::LANES <= depth {
        let w = W::load(s, &w[at..at + S::LANES]);
        for (sums, row) in sums.iter_mut().zip(&rows) {
            sums[0] = s.mul_add(s.load(&row[at..at + S::LANES]), w, sums[0]);
        }
        at += S::LANES;
    }
    for ((dot, sums), row) in dots.iter_mut().zip(&sums).zip(&rows) {
        let mut total = sums[0];
        for &sum in &sums[1..] {
            total = s.add(total, sum);
        }
        *dot = s.sum(total);
        for (x, w) in row[at..].iter().zip(&w[at..]) {
            *dot += x * w.to_f32();
        }
    }
}
