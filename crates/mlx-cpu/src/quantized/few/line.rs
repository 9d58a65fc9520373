//! The products of rows with one row of a matrix.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::array::from_fn;

use super::Terms;
use crate::simd::{MOST_LANES, Simd};

/// How many words ahead the matrix is fetched.
const AHEAD: usize = 512;

/// A row of the matrix, and what it is multiplied with. Behind its scales stand others.
pub(super) struct Line<'a> {
    pub(super) words: &'a [u32],
    pub(super) scales: &'a [f32],
    /// How far apart the scales for different rows of `x` lie.
    pub(super) stride: usize,
    pub(super) elements: &'a [f32],
}

impl Line<'_> {
    /// Adds the products, where each group is `2^power` blocks.
    #[inline(always)]
    pub(super) fn add_whole<S: Simd, T: Terms, const N: usize>(
        &self,
        s: S,
        power: u32,
        totals: &mut [S::F; N],
    ) {
        if N == 1 && power == 0 {
            let (words, elements) = (T::words(S::LANES), T::VECTORS * S::LANES);
            let lines = self.words.chunks_exact(words).zip(self.elements.chunks_exact(elements));
            for ((words, x), &scale) in lines.zip(self.scales) {
                s.prefetch(words, AHEAD);
                add_block::<S, T, N>(s, words, x, [s.splat(scale); N], totals);
            }
            return;
        }
        self.each_block::<S, T, N>(
            s,
            #[inline(always)]
            |block| from_fn(|n| s.splat(self.scales[n * self.stride + (block >> power)])),
            totals,
        );
    }

    /// Adds the products, where each block is so many groups, whose scales spread over `lanes`.
    #[inline(always)]
    pub(super) fn add_parts<S: Simd, T: Terms, const N: usize>(
        &self,
        s: S,
        groups: usize,
        lanes: S::I,
        totals: &mut [S::F; N],
    ) {
        self.each_block::<S, T, N>(
            s,
            #[inline(always)]
            |block| {
                from_fn(
                    #[inline(always)]
                    |n| {
                        let first = n * self.stride + block * groups;
                        s.lookup(s.load(&self.scales[first..first + S::LANES]), lanes)
                    },
                )
            },
            totals,
        );
    }

    /// Adds the products of blocks, which are scaled for each of the rows.
    #[inline(always)]
    fn each_block<S: Simd, T: Terms, const N: usize>(
        &self,
        s: S,
        scales: impl Fn(usize) -> [S::F; N],
        totals: &mut [S::F; N],
    ) {
        let (words, elements) = (T::words(S::LANES), N * T::VECTORS * S::LANES);
        let lines = self.words.chunks_exact(words).zip(self.elements.chunks_exact(elements));
        for (block, (words, x)) in lines.enumerate() {
            s.prefetch(words, AHEAD);
            add_block::<S, T, N>(s, words, x, scales(block), totals);
        }
        let whole = self.words.len() / words;
        let (rest, x) = (&self.words[whole * words..], &self.elements[whole * elements..]);
        if !rest.is_empty() {
            let mut line = [0; MOST_LANES];
            line[..rest.len()].copy_from_slice(rest);
            add_block::<S, T, N>(s, &line[..words], &x[..elements], scales(whole), totals);
        }
    }
}

/// Adds the scaled products of a block.
#[inline(always)]
fn add_block<S: Simd, T: Terms, const N: usize>(
    s: S,
    words: &[u32],
    x: &[f32],
    scales: [S::F; N],
    totals: &mut [S::F; N],
) {
    let products = T::products::<S, N>(s, words, x);
    for n in 0..N {
        totals[n] = s.mul_add(products[n], scales[n], totals[n]);
    }
}
