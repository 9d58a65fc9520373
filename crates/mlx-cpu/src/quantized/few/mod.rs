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
/// How many words ahead the matrix is fetched.
const AHEAD: usize = 512;
/// The most words of the matrix that a thread takes at a time.
const MOST_WORDS: usize = 16384;

/// Matrices of one coding with groups and columns as many, and room for the products with each.
pub(super) type Factored<'a, 'b> = Vec<(&'a Quantized<'a>, &'b mut [f32])>;

/// `x · wᵀ` in singles for each of some matrices.
pub(super) fn multiply<C: Code>(level: Level, x: &[f32], each: Factored<'_, '_>) {
    simd::dispatch(level, Few::<Floats<C>> { x, each, terms: PhantomData });
}

/// `x · wᵀ` for each of some matrices of 2, 4 or 8 bits, and elements rounded to 16 bits.
pub(super) fn multiply_shorts<const BITS: usize>(level: Level, x: &[f32], each: Factored<'_, '_>) {
    simd::dispatch(level, Few::<Shorts<BITS>> { x, each, terms: PhantomData });
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
    each: Factored<'a, 'b>,
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

/// What the groups of some rows of the matrix are multiplied by.
struct Factors<'a> {
    /// Scales of all groups, row after row, with room for what vectors read past them; so are biases.
    scales: &'a mut [f32],
    biases: &'a mut [f32],
    /// The scales of a row with the factors of each row of `x`, with zeros up to a whole vector.
    scaled: &'a mut [f32],
    /// All bits for each group, and none behind the last.
    kept: &'a mut [f32],
}

impl<'a> Factors<'a> {
    /// How much memory is needed for [`LINES`] rows of the matrix and `rows` of `x`.
    #[inline(always)]
    fn size([groups, padded, rows]: [usize; 3]) -> usize {
        2 * (LINES * groups + MOST_LANES) + rows * padded + MOST_LANES + padded
    }

    #[inline(always)]
    fn new(memory: &'a mut [f32], [groups, padded, rows]: [usize; 3]) -> Self {
        let (scales, rest) = memory.split_at_mut(LINES * groups + MOST_LANES);
        let (biases, rest) = rest.split_at_mut(LINES * groups + MOST_LANES);
        let (scaled, kept) = rest.split_at_mut(rows * padded + MOST_LANES);
        kept[..groups].fill(f32::from_bits(u32::MAX));
        kept[groups..].fill(0.0);
        Self { scales, biases, scaled, kept }
    }

    /// Converts those of some rows, and fetches those of as many that follow.
    #[inline(always)]
    fn read<S: Simd>(&mut self, s: S, w: &Quantized<'_>, rows: Range<usize>) {
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
    fn scale<S: Simd, const N: usize>(
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

/// The products of lines. A group is `WHOLE` if it is one block or several; else a block has several groups.
struct Products<'a, T, const N: usize, const WHOLE: bool>(Lines<'a>, PhantomData<T>);

impl<T: Terms, const N: usize, const WHOLE: bool> Kernel for Products<'_, T, N, WHOLE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Lines { tile, rows, products } = self.0;
        let (w, count, elements, all) = (tile.w, rows.len(), tile.elements, tile.w.words);
        let (words, groups) = (w.row(0).len(), w.columns / w.group);
        let padded = groups.next_multiple_of(S::LANES);
        let scaled = if T::SCALED { N } else { 1 };
        let spread = (block::<S, T>() / w.group).max(1);
        let power = (w.group / block::<S, T>()).max(1).trailing_zeros();
        let lanes: [u32; MOST_LANES] = from_fn(|lane| (lane * spread / S::LANES) as u32);
        let lanes = s.load_int(&lanes);
        let sizes = [groups, padded, scaled];
        let mut memory = Scratch::new(Factors::size(sizes));
        let mut factors = Factors::new(&mut memory, sizes);
        let mut totals = [0.0; LINES * TOGETHER * MOST_LANES];
        for at in (0..count).step_by(LINES) {
            let first = rows.start + at;
            let lines = first..rows.end.min(first + LINES);
            let used = lines.len();
            factors.read(s, w, lines);
            for row in 0..used {
                let mut sums = factors.scale::<S, N>(s, tile, [row * groups, scaled]);
                let words_of = (first + row) * words;
                let line = Line {
                    words: &all[words_of..words_of + words],
                    scales: factors.scaled,
                    stride: if T::SCALED { padded } else { 0 },
                    elements,
                };
                if WHOLE {
                    line.add_whole::<S, T, N>(s, power, &mut sums);
                } else {
                    line.add_parts::<S, T, N>(s, spread, lanes, &mut sums);
                }
                for (n, sums) in sums.into_iter().enumerate() {
                    let place = (n * LINES + row) * S::LANES;
                    s.store(&mut totals[place..place + S::LANES], sums);
                }
            }
            for n in 0..N {
                total(s, &totals[n * LINES * S::LANES..], &mut products[n * count + at..][..used]);
            }
        }
    }
}

/// The sums of the lanes of vectors.
#[inline(always)]
fn total<S: Simd>(s: S, vectors: &[f32], to: &mut [f32]) {
    for (to, vectors) in to.chunks_mut(4).zip(vectors.chunks_exact(4 * S::LANES)) {
        let sums = s.sums(from_fn(
            #[inline(always)]
            |at| s.load(&vectors[at * S::LANES..(at + 1) * S::LANES]),
        ));
        to.copy_from_slice(&sums[..to.len()]);
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
    fn add_parts<S: Simd, T: Terms, const N: usize>(
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
