//! A few rows with a quantized matrix, which is read once for every few of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

mod floats;
mod shorts;

use std::array::from_fn;
use std::marker::PhantomData;
use std::ops::Range;

use super::code::Code;
use super::{Quantized, scales};
use crate::pool::{self, Columns};
use crate::scratch::Scratch;
use crate::simd::{Kernel, MOST_LANES, Simd};
use crate::{Level, simd};

use floats::Floats;
use shorts::Shorts;

/// Rows of `x` that are multiplied while a row of the matrix is unpacked.
const TOGETHER: usize = 4;
/// Rows of the matrix whose scales are converted at a time.
const LINES: usize = 16;
/// The most words of the matrix that a thread takes at a time.
const MOST_WORDS: usize = 16384;

/// `x · wᵀ` in singles.
pub(super) fn multiply<C: Code>(level: Level, x: &[f32], w: &Quantized<'_>, out: &mut [f32]) {
    simd::dispatch(level, Few::<Floats<C>> { x, w, out, terms: PhantomData });
}

/// `x · wᵀ` for a matrix of 2, 4 or 8 bits and elements rounded to 16 bits.
pub(super) fn multiply_shorts<const BITS: usize>(
    level: Level,
    x: &[f32],
    w: &Quantized<'_>,
    out: &mut [f32],
) {
    simd::dispatch(level, Few::<Shorts<BITS>> { x, w, out, terms: PhantomData });
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

struct Few<'a, T> {
    x: &'a [f32],
    w: &'a Quantized<'a>,
    out: &'a mut [f32],
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

impl<T: Terms> Kernel for Few<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (w, rows) = (self.w, self.x.len() / self.w.columns);
        let length = w.columns.div_ceil(block::<S, T>()) * T::VECTORS * S::LANES;
        let groups = (w.columns / w.group).next_multiple_of(S::LANES);
        let mut memory = Scratch::new(rows * (length + 2 * groups));
        memory.fill(0.0);
        let (elements, rest) = memory.split_at_mut(rows * length);
        let (factors, sums) = rest.split_at_mut(rows * groups);
        s.enter(Lay::<T> { x: self.x, w, elements, factors, sums, terms: PhantomData });
        let x = Laid { elements, factors, sums, rows };
        let words = w.row(0).len().max(1);
        let grain = (w.rows() / (8 * pool::threads())).clamp(MOST_WORDS / 4 / words, MOST_WORDS / words);
        pool::each_columns(self.out, w.rows(), grain, |out| {
            s.enter(Rows::<T> { x: &x, w, out, terms: PhantomData });
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
        memory.fill(0.0);
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

/// Rows that are multiplied together.
struct Tile<'a> {
    elements: &'a [f32],
    factors: &'a [f32],
    sums: &'a [f32],
    w: &'a Quantized<'a>,
}

/// Rows of the matrix, and room for what becomes of them.
struct Lines<'a> {
    tile: &'a Tile<'a>,
    rows: Range<usize>,
    products: &'a mut [f32],
}

/// Scales and biases of all groups of some rows, with room for what vectors read past them.
struct Factors {
    scales: Scratch,
    biases: Scratch,
}

impl Factors {
    #[inline(always)]
    fn new(rows: usize, groups: usize) -> Self {
        let length = rows * groups + 2 * MOST_LANES;
        let (mut scales, mut biases) = (Scratch::new(length), Scratch::new(length));
        scales.fill(0.0);
        biases.fill(0.0);
        Self { scales, biases }
    }

    /// Converts those of the rows, and fetches those of as many that follow.
    #[inline(always)]
    fn read<S: Simd>(&mut self, s: S, w: &Quantized<'_>, rows: Range<usize>) {
        let groups = w.columns / w.group;
        let (first, used) = (rows.start * groups, rows.len() * groups);
        w.scales.write(s, first, &mut self.scales[..used]);
        w.scales.prefetch(s, first + used..first + 2 * used);
        if let Some(biases) = w.biases {
            scales::write(s, biases, first, &mut self.biases[..used]);
            scales::prefetch(s, biases, first + used..first + 2 * used);
        }
    }
}

/// What the biases of a row add to the products.
#[inline(always)]
fn shifts<S: Simd, const N: usize>(s: S, biases: &[f32], groups: usize, sums: &[f32]) -> [S::F; N] {
    let mut totals = [s.splat(0.0); N];
    let padded = groups.next_multiple_of(S::LANES);
    // Behind the last bias of a row stand those of the next, which meet no sum: zeros take their place, as they may be no
    // numbers.
    let counting: [f32; MOST_LANES] = std::array::from_fn(|lane| lane as f32);
    let (counting, end) = (s.load(&counting), s.splat(groups as f32));
    for first in (0..padded).step_by(S::LANES) {
        let place = s.add(counting, s.splat(first as f32));
        let biases = s.less(place, end, s.load(&biases[first..first + S::LANES]), s.splat(0.0));
        for (n, total) in totals.iter_mut().enumerate() {
            let first = n * padded + first;
            *total = s.mul_add(biases, s.load(&sums[first..first + S::LANES]), *total);
        }
    }
    totals
}

/// Multiplies the scales of a row with the factors of each of the rows of `x`.
#[inline(always)]
fn scale<S: Simd, const N: usize>(s: S, scales: &[f32], padded: usize, factors: &[f32], to: &mut [f32]) {
    for first in (0..padded).step_by(S::LANES) {
        let scales = s.load(&scales[first..first + S::LANES]);
        for n in 0..N {
            let places = n * padded + first..n * padded + first + S::LANES;
            s.store(&mut to[places.clone()], s.mul(scales, s.load(&factors[places])));
        }
    }
}

/// The products of lines. A group is `WHOLE` if it is one block or several; else a block has several groups.
struct Products<'a, T, const N: usize, const WHOLE: bool>(Lines<'a>, PhantomData<T>);

impl<T: Terms, const N: usize, const WHOLE: bool> Kernel for Products<'_, T, N, WHOLE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Lines { tile, rows, products } = self.0;
        let w = tile.w;
        let (words, groups, count) = (w.row(0).len(), w.columns / w.group, rows.len());
        let padded = groups.next_multiple_of(S::LANES);
        let spread = (block::<S, T>() / w.group).max(1);
        let power = (w.group / block::<S, T>()).max(1).trailing_zeros();
        let lanes: [u32; MOST_LANES] = std::array::from_fn(|lane| (lane * spread / S::LANES) as u32);
        let lanes = s.load_int(&lanes);
        let mut factors = Factors::new(LINES, groups);
        let mut scaled = Scratch::new(N * padded + MOST_LANES);
        scaled.fill(0.0);
        for (at, row) in rows.clone().enumerate() {
            if at % LINES == 0 {
                factors.read(s, w, row..rows.end.min(row + LINES));
            }
            let place = at % LINES * groups;
            let mut totals = shifts::<S, N>(s, &factors.biases[place..], groups, tile.sums);
            let scales = &factors.scales[place..];
            let (scales, stride) = if T::SCALED {
                scale::<S, N>(s, scales, padded, tile.factors, &mut scaled);
                (&scaled[..], padded)
            } else {
                (scales, 0)
            };
            let line =
                Line { words: &w.words[row * words..][..words], scales, stride, elements: tile.elements };
            if WHOLE {
                line.add_whole::<S, T, N>(s, power, &mut totals);
            } else {
                line.add_parts::<S, T, N>(s, spread, lanes, &mut totals);
            }
            for n in 0..N {
                products[n * count + at] = s.sum(totals[n]);
            }
        }
    }
}

/// A row of the matrix, and what it is multiplied with. Behind its scales stand others.
struct Line<'a> {
    words: &'a [u32],
    scales: &'a [f32],
    /// How far apart the scales for different rows of `x` lie.
    stride: usize,
    elements: &'a [f32],
}

impl Line<'_> {
    /// Adds the products, where each group is `2^power` blocks.
    #[inline(always)]
    fn add_whole<S: Simd, T: Terms, const N: usize>(&self, s: S, power: u32, totals: &mut [S::F; N]) {
        if N == 1 && power == 0 {
            let splat = |&scale: &f32| [s.splat(scale); N];
            return self.each_block::<S, T, N>(s, self.scales.iter().map(splat), totals);
        }
        let splat = |block: usize| from_fn(|n| s.splat(self.scales[n * self.stride + (block >> power)]));
        self.each_block::<S, T, N>(s, (0..).map(splat), totals);
    }

    /// Adds the products, where each block is so many groups, whose scales spread over `lanes`.
    #[inline(always)]
    fn add_parts<S: Simd, T: Terms, const N: usize>(
        &self,
        s: S,
        groups: usize,
        lanes: S::I,
        totals: &mut [S::F; N],
    ) {
        let spread = |block: usize| {
            from_fn(|n| {
                let first = n * self.stride + block * groups;
                s.lookup(s.load(&self.scales[first..first + S::LANES]), lanes)
            })
        };
        self.each_block::<S, T, N>(s, (0..).map(spread), totals);
    }

    /// Adds the products of blocks, which are scaled for each of the rows.
    #[inline(always)]
    fn each_block<S: Simd, T: Terms, const N: usize>(
        &self,
        s: S,
        mut scales: impl Iterator<Item = [S::F; N]>,
        totals: &mut [S::F; N],
    ) {
        let (words, vectors) = (T::words(S::LANES), T::VECTORS * S::LANES);
        let mut lines = self.words.chunks_exact(words);
        let mut elements = self.elements.chunks_exact(N * vectors);
        for (line, (x, scales)) in lines.by_ref().zip(elements.by_ref().zip(scales.by_ref())) {
            add_block::<S, T, N>(s, line, x, scales, totals);
        }
        if let (Some(x), Some(scales)) = (elements.next(), scales.next()) {
            let mut line = [0; MOST_LANES];
            let rest = lines.remainder();
            line[..rest.len()].copy_from_slice(rest);
            add_block::<S, T, N>(s, &line[..words], x, scales, totals);
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
