//! A few rows with a quantized matrix, which is read once for every few of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::marker::PhantomData;

use super::code::Code;
use super::{Quantized, scales};
use crate::numbers::{Float, widen};
use crate::pool::{self, Columns};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, simd};

/// Rows of `x` that are multiplied while a row of the matrix is unpacked.
const TOGETHER: usize = 4;

/// `x · wᵀ`.
pub(super) fn multiply<T: Float, U: Float, C: Code>(level: Level, x: &[T], w: &Quantized<'_>, out: &mut [U]) {
    simd::dispatch(level, Few::<T, U, C> { x, w, out, code: PhantomData });
}

struct Few<'a, T, U, C> {
    x: &'a [T],
    w: &'a Quantized<'a>,
    out: &'a mut [U],
    code: PhantomData<C>,
}

/// Rows of `x` in the order in which codes come out of units, and their sums over groups.
struct Spread<'a> {
    /// For every [`TOGETHER`] rows, for each block of as many units as there are lanes, for each of the rows, for each
    /// code of a unit: a vector.
    elements: &'a [f32],
    sums: &'a [f32],
    rows: usize,
}

/// Elements of the longest block.
const LONGEST: usize = 16 * 16;

impl<T: Float, U: Float, C: Code> Kernel for Few<'_, T, U, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (columns, groups) = (self.w.columns, (self.w.columns / self.w.group).next_multiple_of(S::LANES));
        let rows = self.x.len() / columns;
        let length = columns.next_multiple_of(S::LANES * C::COUNT);
        let mut memory = Scratch::new(rows * (length + groups));
        let (elements, sums) = memory.split_at_mut(rows * length);
        s.enter(Lay::<T, C> { x: self.x, w: self.w, elements, sums, code: PhantomData });
        let x = Spread { elements, sums, rows };
        // Some 16 KiB of words at a time.
        let grain = (4096 / self.w.row(0).len().max(1)).clamp(1, 64);
        pool::each_columns(self.out, self.w.rows(), grain, |out| {
            s.enter(Rows::<U, C> { x: &x, w: self.w, out, code: PhantomData });
        });
    }
}

/// Lays `x` out.
struct Lay<'a, T, C> {
    x: &'a [T],
    w: &'a Quantized<'a>,
    elements: &'a mut [f32],
    sums: &'a mut [f32],
    code: PhantomData<C>,
}

impl<T: Float, C: Code> Kernel for Lay<'_, T, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (columns, group) = (self.w.columns, self.w.group);
        let length = columns.next_multiple_of(S::LANES * C::COUNT);
        let tiles = self.x.chunks(TOGETHER * columns).zip(self.elements.chunks_mut(TOGETHER * length));
        for (x, elements) in tiles {
            lay_tile::<S, T, C>(s, x, columns, elements);
        }
        let groups = (columns / group).next_multiple_of(S::LANES);
        for (x, sums) in self.x.chunks_exact(columns).zip(self.sums.chunks_exact_mut(groups)) {
            sums.fill(0.0);
            for (x, sum) in x.chunks_exact(group).zip(sums) {
                let mut total = s.splat(0.0);
                for x in x.chunks(S::LANES) {
                    total = s.add(total, T::load(s, x));
                }
                *sum = s.sum(total);
            }
        }
    }
}

/// Lays out rows that are multiplied together.
#[inline(always)]
fn lay_tile<S: Simd, T: Float, C: Code>(s: S, x: &[T], columns: usize, elements: &mut [f32]) {
    let (block, rows) = (S::LANES * C::COUNT, x.len() / columns);
    for (number, elements) in elements.chunks_exact_mut(rows * block).enumerate() {
        for (row, to) in x.chunks_exact(columns).zip(elements.chunks_exact_mut(block)) {
            let x = &row[number * block..columns.min((number + 1) * block)];
            let mut wide = [0.0; LONGEST];
            widen(s, x, &mut wide[..x.len()]);
            for (at, to) in to.chunks_exact_mut(S::LANES).enumerate() {
                let factor = C::factor(at);
                for (to, unit) in to.iter_mut().zip(wide.chunks_exact(C::COUNT)) {
                    *to = unit[at] * factor;
                }
            }
        }
    }
}

/// The products with some rows of the matrix.
struct Rows<'a, 'b, U, C> {
    x: &'a Spread<'a>,
    w: &'a Quantized<'a>,
    out: Columns<'b, U>,
    code: PhantomData<C>,
}

impl<U: Float, C: Code> Kernel for Rows<'_, '_, U, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let groups = self.w.columns / self.w.group;
        let padded = groups.next_multiple_of(S::LANES);
        // Behind the scales of a row stands room for what a vector reads past them.
        let mut memory = Scratch::new(2 * padded + LONGEST);
        let (biases, scales) = memory.split_at_mut(padded);
        biases.fill(0.0);
        for (at, row) in self.out.range().enumerate() {
            self.w.scales.write(s, row * groups, &mut scales[..padded]);
            scales[groups..padded].fill(0.0);
            if let Some(from) = self.w.biases {
                scales::write(s, from, row * groups, &mut biases[..groups]);
            }
            let line = Line { words: self.w.row(row), scales, biases, group: self.w.group };
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

/// A row of the matrix. Behind the biases of its groups stand zeros.
struct Line<'a> {
    words: &'a [u32],
    scales: &'a [f32],
    biases: &'a [f32],
    group: usize,
}

impl<U: Float, C: Code> Rows<'_, '_, U, C> {
    /// The products of `N` rows of `x` from `first` on with a row of the matrix, which is column `at`.
    #[inline(always)]
    fn products<S: Simd, const N: usize>(&mut self, s: S, line: &Line<'_>, first: usize, at: usize) {
        let (length, groups) = (self.x.elements.len() / self.x.rows, line.biases.len());
        let x = &self.x.elements[first * length..(first + N) * length];
        let sums = &self.x.sums[first * groups..(first + N) * groups];
        let products = s.enter(Products::<C, N> { line, x, sums, code: PhantomData });
        for (n, product) in products.into_iter().enumerate() {
            self.out.row(first + n)[at] = U::from_f32(product);
        }
    }
}

/// The products of a row of the matrix with `N` rows that are laid out.
struct Products<'a, C, const N: usize> {
    line: &'a Line<'a>,
    x: &'a [f32],
    sums: &'a [f32],
    code: PhantomData<C>,
}

impl<C: Code, const N: usize> Kernel for Products<'_, C, N> {
    type Output = [f32; N];

    #[inline(always)]
    fn run<S: Simd>(self, s: S) -> [f32; N] {
        let shifts = self.shifts(s);
        let totals = if S::LANES * C::COUNT <= self.line.group {
            self.whole_blocks(s, shifts)
        } else {
            self.parts_of_blocks(s, shifts)
        };
        totals.map(
            #[inline(always)]
            |total| s.sum(total),
        )
    }
}

impl<C: Code, const N: usize> Products<'_, C, N> {
    /// What the biases add.
    #[inline(always)]
    fn shifts<S: Simd>(&self, s: S) -> [S::F; N] {
        let mut totals = [s.splat(0.0); N];
        for (total, sums) in totals.iter_mut().zip(self.sums.chunks_exact(self.line.biases.len())) {
            for (biases, sums) in self.line.biases.chunks_exact(S::LANES).zip(sums.chunks_exact(S::LANES)) {
                *total = s.mul_add(s.load(biases), s.load(sums), *total);
            }
        }
        totals
    }

    /// Where a group is one block or several.
    #[inline(always)]
    fn whole_blocks<S: Simd>(&self, s: S, mut totals: [S::F; N]) -> [S::F; N] {
        let Line { words, scales, group, .. } = *self.line;
        let (block, length) = (S::LANES * C::COUNT, C::words(S::LANES));
        let mut sums = [[s.splat(0.0); 2]; N];
        let (blocks, mut left) = (group / block, group / block);
        let mut scales = scales.iter();
        for (words, x) in words.chunks_exact(length).zip(self.x.chunks_exact(N * block)) {
            add::<S, C, N>(s, words, x, &mut sums);
            left -= 1;
            if left == 0 {
                let scale = scales.next().copied().unwrap_or_default();
                scale_up(s, sums, s.splat(scale), &mut totals);
                sums = [[s.splat(0.0); 2]; N];
                left = blocks;
            }
        }
        totals
    }

    /// Where a block has several groups.
    #[inline(always)]
    fn parts_of_blocks<S: Simd>(&self, s: S, mut totals: [S::F; N]) -> [S::F; N] {
        let Line { words, scales, group, .. } = *self.line;
        let (block, length) = (S::LANES * C::COUNT, C::words(S::LANES));
        let groups = block / group;
        let lanes: [u32; 16] = std::array::from_fn(|lane| (lane * groups / S::LANES) as u32);
        let lanes = s.load_int(&lanes);
        let blocks = words.chunks(length).zip(self.x.chunks_exact(N * block));
        for ((words, x), scales) in blocks.zip(scales.windows(16).step_by(groups)) {
            let mut sums = [[s.splat(0.0); 2]; N];
            add::<S, C, N>(s, words, x, &mut sums);
            scale_up(s, sums, s.lookup(s.load(scales), lanes), &mut totals);
        }
        totals
    }
}

/// Adds the products of a block of codes with `N` rows, in two chains.
#[inline(always)]
fn add<S: Simd, C: Code, const N: usize>(s: S, words: &[u32], x: &[f32], sums: &mut [[S::F; 2]; N]) {
    let units = C::units(s, words);
    for code in 0..C::COUNT {
        let value = C::raw(s, units, code);
        for (n, sums) in sums.iter_mut().enumerate() {
            let x = s.load(&x[(n * C::COUNT + code) * S::LANES..]);
            sums[code % 2] = s.mul_add(value, x, sums[code % 2]);
        }
    }
}

/// Adds scaled sums to totals.
#[inline(always)]
fn scale_up<S: Simd, const N: usize>(s: S, sums: [[S::F; 2]; N], scale: S::F, totals: &mut [S::F; N]) {
    for (total, [even, odd]) in totals.iter_mut().zip(sums) {
        *total = s.mul_add(s.add(even, odd), scale, *total);
    }
}
