//! Scales and biases of a few rows of a matrix at a time.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::ops::Range;

use super::products::Tile;
use crate::quantized::{Quantized, scales};
use crate::simd::{MOST_LANES, Simd};

/// Rows of the matrix whose scales are converted at a time.
pub(super) const LINES: usize = 16;

/// What the groups of some rows of the matrix are multiplied by.
pub(super) struct Factors<'a> {
    /// Scales of all groups, row after row, with room for what vectors read past them; so are biases.
    scales: &'a mut [f32],
    biases: &'a mut [f32],
    /// The scales of a row with the factors of each row of `x`, with zeros up to a whole vector.
    pub(super) scaled: &'a mut [f32],
    /// All bits for each group, and none behind the last.
    kept: &'a mut [f32],
}

impl<'a> Factors<'a> {
    /// How much memory is needed for [`LINES`] rows of the matrix and `rows` of `x`.
    #[inline(always)]
    pub(super) fn size([groups, padded, rows]: [usize; 3]) -> usize {
        2 * (LINES * groups + MOST_LANES) + rows * padded + MOST_LANES + padded
    }

    #[inline(always)]
    pub(super) fn new(memory: &'a mut [f32], [groups, padded, rows]: [usize; 3]) -> Self {
        let (scales, rest) = memory.split_at_mut(LINES * groups + MOST_LANES);
        let (biases, rest) = rest.split_at_mut(LINES * groups + MOST_LANES);
        let (scaled, kept) = rest.split_at_mut(rows * padded + MOST_LANES);
        kept[..groups].fill(f32::from_bits(u32::MAX));
        kept[groups..].fill(0.0);
        Self { scales, biases, scaled, kept }
    }

    /// Converts those of some rows, and fetches those of as many that follow.
    #[inline(always)]
    pub(super) fn read<S: Simd>(&mut self, s: S, w: &Quantized<'_>, rows: Range<usize>) {
        let groups = w.columns / w.group;
        let (first, used) = (rows.start * groups, rows.len() * groups);
        w.scales.write(s, first, &mut self.scales[..used]);
        w.scales.prefetch(s, first + used..first + 2 * used);
        let to = &mut self.biases[..used];
        if let Some(biases) = w.biases {
            scales::write(s, biases, first, to);
            scales::prefetch(s, biases, first + used..first + 2 * used);
        } else {
            to.fill(0.0);
        }
    }

    /// Scales those of a row for the first `scaled` rows of `x`, and returns what the biases add to the products.
    #[inline(always)]
    pub(super) fn scale<S: Simd, const N: usize>(
        &mut self,
        s: S,
        tile: &Tile<'_>,
        [first, scaled]: [usize; 2],
    ) -> [S::F; N] {
        let mut totals = [s.splat(0.0); N];
        let padded = self.kept.len();
        let scales = self.scales[first..].chunks_exact(S::LANES);
        let biases = self.biases[first..].chunks_exact(S::LANES);
        // Behind the last of a row stand those of the next, which may be no numbers.
        let kept = self.kept.chunks_exact(S::LANES);
        if N == 1 {
            let sums = tile.sums.chunks_exact(S::LANES).zip(tile.factors.chunks_exact(S::LANES));
            let to = self.scaled.chunks_exact_mut(S::LANES);
            for ((to, (sums, factors)), (kept, (scales, biases))) in
                to.zip(sums).zip(kept.zip(scales.zip(biases)))
            {
                let kept = s.to_bits(s.load(kept));
                let keep = |v: &[f32]| s.from_bits(s.and(s.to_bits(s.load(v)), kept));
                totals[0] = s.mul_add(keep(biases), s.load(sums), totals[0]);
                s.store(to, s.mul(keep(scales), s.load(factors)));
            }
            return totals;
        }
        for ((at, kept), (scales, biases)) in kept.enumerate().zip(scales.zip(biases)) {
            let kept = s.to_bits(s.load(kept));
            let keep = |v: &[f32]| s.from_bits(s.and(s.to_bits(s.load(v)), kept));
            let (scales, biases) = (keep(scales), keep(biases));
            for (n, total) in totals.iter_mut().enumerate() {
                let places = n * padded + at * S::LANES..n * padded + (at + 1) * S::LANES;
                *total = s.mul_add(biases, s.load(&tile.sums[places.clone()]), *total);
                if n < scaled {
                    s.store(&mut self.scaled[places.clone()], s.mul(scales, s.load(&tile.factors[places])));
                }
            }
        }
        totals
    }
}
