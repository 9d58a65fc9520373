//! A few rows with a quantized matrix, which is read once for every few of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

mod factors;
mod floats;
mod line;
mod products;
mod shorts;
mod windows;

use std::marker::PhantomData;

use super::code::Code;
use super::{EachSingles, Quantized};
use crate::pool::{self, Columns};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, simd};

use floats::Floats;
use products::{Lines, Products, Tile};
use shorts::Shorts;
use windows::Windows;

/// Rows of `x` that are multiplied while a row of the matrix is unpacked.
const TOGETHER: usize = 4;
/// The most words of the matrix that a thread takes at a time.
const MOST_WORDS: usize = 16384;

/// `x · wᵀ` in singles for each of some matrices.
pub(super) fn multiply<C: Code>(level: Level, x: &[f32], each: EachSingles<'_, '_>) {
    simd::dispatch(level, Few::<Floats<C>> { x, each, terms: PhantomData });
}

/// `x · wᵀ` for each of some matrices of 2, 4 or 8 bits, and elements rounded to 16 bits.
pub(super) fn multiply_shorts<const BITS: usize>(level: Level, x: &[f32], each: EachSingles<'_, '_>) {
    simd::dispatch(level, Few::<Shorts<BITS>> { x, each, terms: PhantomData });
}

/// The same, for matrices of 3, 5 or 6 bits.
pub(super) fn multiply_windows<const BITS: usize>(level: Level, x: &[f32], each: EachSingles<'_, '_>) {
    simd::dispatch(level, Few::<Windows<BITS>> { x, each, terms: PhantomData });
}

/// How products of codes and elements add up.
///
/// Words are read in blocks, of a unit for each lane; a unit is a word, or fewer bits that hold codes without a rest.
trait Terms: Sync + 'static {
    /// Bits of a code.
    const BITS: usize;
    /// Vectors of elements that a block is multiplied with.
    const VECTORS: usize;
    /// Whether each group of elements has a factor of its own.
    const SCALED: bool;

    /// Words of a block for so many lanes.
    fn words(lanes: usize) -> usize;
    /// The products of a block with `N` rows, whose lanes are parts of a sum.
    fn products<S: Simd, const N: usize>(s: S, words: &[u32], x: &[f32]) -> [S::F; N];

    /// Makes of a group's elements what is multiplied; returns their factor, and the sum of what they stand for.
    fn round<S: Simd>(s: S, x: &mut [f32]) -> [f32; 2];
    /// Lays out a row, of which blocks lie `stride` apart and vectors of a block `vector`.
    fn lay<S: Simd>(s: S, x: &[f32], places: [usize; 2], to: &mut [f32]);
}

/// Codes of a block.
#[inline(always)]
fn block<S: Simd, T: Terms>() -> usize {
    T::words(S::LANES) * 32 / T::BITS
}

struct Few<'a, 'b, T> {
    x: &'a [f32],
    each: EachSingles<'a, 'b>,
    terms: PhantomData<T>,
}

/// Rows of `x` in the order in which they are read.
///
/// For every [`TOGETHER`] of them there stands, for each block, for each of the rows: vectors of elements.
struct Laid<'a> {
    elements: &'a [f32],
    /// For each row, for each group, and zeros up to a whole vector: factors.
    factors: &'a [f32],
    /// Likewise sums.
    sums: &'a [f32],
    rows: usize,
}

impl<T: Terms> Kernel for Few<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Some(&(w, _)) = self.each.first() else { return };
        let rows = self.x.len() / w.columns;
        let length = w.columns.div_ceil(block::<S, T>()) * T::VECTORS * S::LANES;
        let groups = (w.columns / w.group).next_multiple_of(S::LANES);
        let mut memory = Scratch::new(rows * (length + 2 * groups));
        let (elements, rest) = memory.split_at_mut(rows * length);
        rest.fill(0.0);
        if !w.columns.is_multiple_of(block::<S, T>()) {
            elements.fill(0.0);
        }
        let (factors, sums) = rest.split_at_mut(rows * groups);
        s.enter(Lay::<T> { x: self.x, w, elements, factors, sums, terms: PhantomData });
        let x = Laid { elements, factors, sums, rows };
        let words = w.row(0).len().max(1);
        let (matrices, outs): (Vec<&Quantized<'_>>, Vec<_>) =
            self.each.into_iter().map(|(w, out)| (w, (out, w.rows()))).unzip();
        let all: usize = matrices.iter().map(|w| w.rows()).sum();
        let grain = (all / (8 * pool::threads())).clamp(MOST_WORDS / 4 / words, MOST_WORDS / words);
        pool::each_columns_of(outs, grain, |number, out| {
            s.enter(Rows::<T> { x: &x, w: matrices[number], out, terms: PhantomData });
        });
    }
}

/// Lays rows out.
struct Lay<'a, T> {
    x: &'a [f32],
    w: &'a Quantized<'a>,
    elements: &'a mut [f32],
    factors: &'a mut [f32],
    sums: &'a mut [f32],
    terms: PhantomData<T>,
}

impl<T: Terms> Kernel for Lay<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (columns, rows) = (self.w.columns, self.x.len() / self.w.columns);
        let (length, groups) = (self.elements.len() / rows, self.sums.len() / rows);
        let block = T::VECTORS * S::LANES;
        let mut memory = Scratch::new(columns.next_multiple_of(32));
        memory[columns..].fill(0.0);
        for (row, x) in self.x.chunks_exact(columns).enumerate() {
            let (first, at) = (row / TOGETHER * TOGETHER, row % TOGETHER);
            let together = TOGETHER.min(rows - first);
            let line = &mut memory[..columns];
            line.copy_from_slice(x);
            for (group, x) in line.chunks_exact_mut(self.w.group).enumerate() {
                let [factor, sum] = T::round(s, x);
                self.factors[row * groups + group] = factor;
                self.sums[row * groups + group] = sum;
            }
            let to = &mut self.elements[first * length + at * block..];
            T::lay(s, &memory, [together * block, S::LANES], to);
        }
    }
}

/// The products with some rows of the matrix.
struct Rows<'a, 'b, T> {
    x: &'a Laid<'a>,
    w: &'a Quantized<'a>,
    out: Columns<'b, f32>,
    terms: PhantomData<T>,
}

impl<T: Terms> Kernel for Rows<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        for first in (0..self.x.rows).step_by(TOGETHER) {
            match self.x.rows - first {
                1 => self.multiply::<S, 1>(s, first),
                2 => self.multiply::<S, 2>(s, first),
                3 => self.multiply::<S, 3>(s, first),
                _ => self.multiply::<S, TOGETHER>(s, first),
            }
        }
    }
}

impl<T: Terms> Rows<'_, '_, T> {
    /// Writes the products of `N` rows from `first` on.
    #[inline(always)]
    fn multiply<S: Simd, const N: usize>(&mut self, s: S, first: usize) {
        let Laid { elements, factors, sums, rows } = *self.x;
        let (length, groups) = (elements.len() / rows, sums.len() / rows);
        let tile = Tile {
            elements: &elements[first * length..(first + N) * length],
            factors: &factors[first * groups..(first + N) * groups],
            sums: &sums[first * groups..(first + N) * groups],
            w: self.w,
        };
        let columns = self.out.range();
        let mut products = Scratch::new(N * columns.len());
        let lines = Lines { tile: &tile, rows: columns.clone(), products: &mut products };
        if block::<S, T>() <= self.w.group {
            s.enter(Products::<T, N, true>(lines, PhantomData));
        } else {
            s.enter(Products::<T, N, false>(lines, PhantomData));
        }
        for (row, products) in products.chunks_exact(columns.len().max(1)).enumerate() {
            self.out.row(first + row).copy_from_slice(products);
        }
    }
}
