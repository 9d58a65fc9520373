//! A few rounded rows with a matrix, which is read once for every few of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use super::{BLOCK, Rounded};
use crate::pool::{self, Columns};
use crate::quantized::{Quantized, scales};
use crate::scratch::Scratch;
use crate::simd::{Kernel, MOST_LANES, Simd};
use crate::{Level, simd};

/// Rows of `x` that are multiplied while a row of the matrix is unpacked.
const TOGETHER: usize = 4;

pub(super) fn multiply<const BITS: usize>(level: Level, x: &[f32], w: &Quantized<'_>, out: &mut [f32]) {
    simd::dispatch(level, Few::<BITS> { x, w, out });
}

struct Few<'a, const BITS: usize> {
    x: &'a [f32],
    w: &'a Quantized<'a>,
    out: &'a mut [f32],
}

/// Rows of `x` in the order in which they are read.
struct Laid<'a> {
    /// For each row, for each vector of words of the matrix: vectors of bytes for the lower and the upper digits of codes of
    /// 4 bits, or one for codes of 8 bits, and a vector of what their products are multiplied by.
    vectors: &'a [f32],
    /// For each row, for each group: the sum of the rounded elements.
    sums: &'a [f32],
    rows: usize,
}

/// How many vectors of floats stand for a vector of words.
const fn parts(bits: usize) -> usize {
    8 / bits + 1
}

impl<const BITS: usize> Kernel for Few<'_, BITS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (w, rows) = (self.w, self.x.len() / self.w.columns);
        let length = w.row(0).len().next_multiple_of(S::LANES) * parts(BITS);
        let groups = (w.columns / w.group).next_multiple_of(S::LANES);
        let mut memory = Scratch::new(rows * (length + groups));
        memory.fill(0.0);
        let (vectors, sums) = memory.split_at_mut(rows * length);
        let laid = vectors.chunks_exact_mut(length).zip(sums.chunks_exact_mut(groups));
        for (x, (vectors, sums)) in self.x.chunks_exact(w.columns).zip(laid) {
            s.enter(Lay::<BITS> { x, group: w.group, vectors, sums });
        }
        let x = Laid { vectors, sums, rows };
        // Some 16 KiB of words at a time.
        let grain = (4096 / w.row(0).len().max(1)).clamp(1, 64);
        pool::each_columns(self.out, w.rows(), grain, |out| s.enter(Rows::<BITS> { x: &x, w, out }));
    }
}

/// Lays a row out.
struct Lay<'a, const BITS: usize> {
    x: &'a [f32],
    group: usize,
    vectors: &'a mut [f32],
    sums: &'a mut [f32],
}

impl<const BITS: usize> Kernel for Lay<'_, BITS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let digits = 8 / BITS;
        for (number, x) in self.x.chunks_exact(BLOCK).enumerate() {
            let block = Rounded::new::<S, BITS>(s, x);
            for (at, words) in block.words.chunks_exact(digits).enumerate() {
                let word = number * BITS + at;
                let first = word / S::LANES * parts(BITS) * S::LANES + word % S::LANES;
                for (digit, &word) in words.iter().enumerate() {
                    self.vectors[first + digit * S::LANES] = word;
                }
                self.vectors[first + digits * S::LANES] = block.scale;
            }
            self.sums[number * BLOCK / self.group] += block.sum;
        }
    }
}

/// The products with some rows of the matrix.
struct Rows<'a, 'b, const BITS: usize> {
    x: &'a Laid<'a>,
    w: &'a Quantized<'a>,
    out: Columns<'b, f32>,
}

impl<const BITS: usize> Kernel for Rows<'_, '_, BITS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let groups = self.w.columns / self.w.group;
        let padded = groups.next_multiple_of(S::LANES);
        // Behind the scales of a row stand zeros for what a vector reads past them.
        let mut memory = Scratch::new(2 * padded + MOST_LANES);
        memory.fill(0.0);
        let (biases, scales) = memory.split_at_mut(padded);
        for (at, row) in self.out.range().enumerate() {
            self.w.scales.write(s, row * groups, &mut scales[..groups]);
            if let Some(from) = self.w.biases {
                scales::write(s, from, row * groups, &mut biases[..groups]);
            }
            let line = Line::<BITS> { words: self.w.row(row), scales, biases, group: self.w.group };
            for first in (0..self.x.rows).step_by(TOGETHER) {
                match self.x.rows - first {
                    1 => self.products::<S, 1>(s, &line, first, at),
                    2 => self.products::<S, 2>(s, &line, first, at),
                    3 => self.products::<S, 3>(s, &line, first, at),
                    _ => self.products::<S, TOGETHER>(s, &line, first, at),
                }
            }
        }
    }
}

impl<const BITS: usize> Rows<'_, '_, BITS> {
    /// The products of `N` rows of `x` from `first` on with a row of the matrix, which is column `at`.
    #[inline(always)]
    fn products<S: Simd, const N: usize>(&mut self, s: S, line: &Line<'_, BITS>, first: usize, at: usize) {
        let (length, groups) = (self.x.vectors.len() / self.x.rows, line.biases.len());
        let vectors = &self.x.vectors[first * length..(first + N) * length];
        let sums = &self.x.sums[first * groups..(first + N) * groups];
        let products = s.enter(Products::<BITS, N> { line, vectors, sums });
        for (n, product) in products.into_iter().enumerate() {
            self.out.row(first + n)[at] = product;
        }
    }
}

/// A row of the matrix. Behind the scales and biases of its groups stand zeros.
struct Line<'a, const BITS: usize> {
    words: &'a [u32],
    scales: &'a [f32],
    biases: &'a [f32],
    group: usize,
}

/// The products of a row of the matrix with `N` rows that are laid out.
struct Products<'a, const BITS: usize, const N: usize> {
    line: &'a Line<'a, BITS>,
    vectors: &'a [f32],
    sums: &'a [f32],
}

impl<const BITS: usize, const N: usize> Kernel for Products<'_, BITS, N> {
    type Output = [f32; N];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f32; N] {
        let Line { words, scales, biases, group } = *self.line;
        let mut totals = [s.splat(0.0); N];
        for (total, sums) in totals.iter_mut().zip(self.sums.chunks_exact(biases.len())) {
            for (biases, sums) in biases.chunks_exact(S::LANES).zip(sums.chunks_exact(S::LANES)) {
                *total = s.mul_add(s.load(biases), s.load(sums), *total);
            }
        }
        let columns = S::LANES * 32 / BITS;
        let (blocks, groups) = ((group / columns).max(1), (columns / group).max(1));
        let lanes: [u32; MOST_LANES] = std::array::from_fn(|lane| (lane * groups / S::LANES) as u32);
        let lanes = s.load_int(&lanes);
        let part = parts(BITS) * S::LANES;
        let length = self.vectors.len() / N;
        let (mut place, mut left) = (0, blocks);
        for (number, words) in words.chunks(S::LANES).enumerate() {
            let words = s.load_int(words);
            let scale =
                if groups == 1 { s.splat(scales[place]) } else { s.lookup(s.load(&scales[place..]), lanes) };
            left -= 1;
            if left == 0 {
                (place, left) = (place + groups, blocks);
            }
            for (n, total) in totals.iter_mut().enumerate() {
                let x = &self.vectors[n * length + number * part..][..part];
                let (bytes, factors) = x.split_at(part - S::LANES);
                let product = s.to_float(dot::<S, BITS>(s, words, bytes));
                *total = s.mul_add(s.mul(product, s.load(factors)), scale, *total);
            }
        }
        totals.map(
            #[inline(always)]
            |total| s.sum(total),
        )
    }
}

/// The products of the codes in each word with bytes.
#[inline(always)]
fn dot<S: Simd, const BITS: usize>(s: S, words: S::I, bytes: &[f32]) -> S::I {
    let mask = s.splat_int(0x0f0f_0f0f);
    let (low, high) = (s.and(words, mask), s.and(s.shift_right(words, s.splat_int(4)), mask));
    let first = s.to_bits(s.load(bytes));
    if BITS == 4 {
        let second = s.to_bits(s.load(&bytes[S::LANES..]));
        s.sum_shorts(s.add_shorts(s.dot_pairs(low, first), s.dot_pairs(high, second)))
    } else {
        let high = s.sum_shorts(s.dot_pairs(high, first));
        s.add_int(s.sum_shorts(s.dot_pairs(low, first)), s.shift_left(high, s.splat_int(4)))
    }
}
