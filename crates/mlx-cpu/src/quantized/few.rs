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
    /// For each row, for each block of as many units as there are lanes, for each code of a unit: a vector.
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
        let (columns, groups) = (self.w.columns, self.w.columns / self.w.group);
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
        let block = S::LANES * C::COUNT;
        let rows = self.x.chunks_exact(columns);
        let elements = self.elements.chunks_exact_mut(columns.next_multiple_of(block));
        let sums = self.sums.chunks_exact_mut(columns / group);
        for ((row, elements), sums) in rows.zip(elements).zip(sums) {
            for (x, to) in row.chunks(block).zip(elements.chunks_exact_mut(block)) {
                let mut wide = [0.0; LONGEST];
                widen(s, x, &mut wide[..x.len()]);
                for (at, to) in to.chunks_exact_mut(S::LANES).enumerate() {
                    let factor = C::factor(at);
                    for (to, unit) in to.iter_mut().zip(wide.chunks_exact(C::COUNT)) {
                        *to = unit[at] * factor;
                    }
                }
            }
            for (x, sum) in row.chunks_exact(group).zip(sums) {
                let mut total = s.splat(0.0);
                for x in x.chunks(S::LANES) {
                    total = s.add(total, T::load(s, x));
                }
                *sum = s.sum(total);
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
        // Behind the scales of a row stand zeros for what a vector reads past them.
        let mut memory = Scratch::new(2 * (groups + LONGEST));
        memory.fill(0.0);
        let (scales, biases) = memory.split_at_mut(groups + LONGEST);
        for (at, row) in self.out.range().enumerate() {
            self.w.scales.write(s, row * groups, &mut scales[..groups]);
            if let Some(from) = self.w.biases {
                scales::write(s, from, row * groups, &mut biases[..groups]);
            }
            let line = Line { words: self.w.row(row), scales, biases, group: self.w.group, groups };
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

/// A row of the matrix.
struct Line<'a> {
    words: &'a [u32],
    scales: &'a [f32],
    biases: &'a [f32],
    group: usize,
    groups: usize,
}

impl<U: Float, C: Code> Rows<'_, '_, U, C> {
    /// The products of `N` rows of `x` from `first` on with a row of the matrix, which is column `at`.
    #[inline(always)]
    fn products<S: Simd, const N: usize>(&mut self, s: S, line: &Line<'_>, first: usize, at: usize) {
        let length = self.x.elements.len() / self.x.rows;
        let x: [&[f32]; N] = std::array::from_fn(
            #[inline(always)]
            |n| &self.x.elements[(first + n) * length..(first + n + 1) * length],
        );
        let products = line.products::<S, C, N>(s, x);
        for (n, product) in products.into_iter().enumerate() {
            let sums = &self.x.sums[(first + n) * line.groups..(first + n + 1) * line.groups];
            self.out.row(first + n)[at] = U::from_f32(product + line.shift(s, sums));
        }
    }
}

impl Line<'_> {
    /// What the biases add, for sums of `x` over groups.
    #[inline(always)]
    fn shift<S: Simd>(&self, s: S, sums: &[f32]) -> f32 {
        let biases = self.biases[..self.groups].chunks(S::LANES);
        let mut total = s.splat(0.0);
        for (biases, sums) in biases.zip(sums.chunks(S::LANES)) {
            total = s.mul_add(s.load(biases), s.load(sums), total);
        }
        s.sum(total)
    }

    /// The products of scaled codes with rows that are laid out.
    #[inline(always)]
    fn products<S: Simd, C: Code, const N: usize>(&self, s: S, x: [&[f32]; N]) -> [f32; N] {
        let block = S::LANES * C::COUNT;
        let spread = Spreading::new(s, block, self.group);
        let mut totals = [s.splat(0.0); N];
        for number in 0..x[0].len() / block {
            let units = C::units(s, self.words, number * S::LANES);
            let part: [&[f32]; N] = std::array::from_fn(
                #[inline(always)]
                |n| &x[n][number * block..(number + 1) * block],
            );
            let mut sums = [[s.splat(0.0); 2]; N];
            for code in 0..C::COUNT {
                let value = C::raw(s, units, code);
                for n in 0..N {
                    let x = s.load(&part[n][code * S::LANES..]);
                    let sum = &mut sums[n][code % 2];
                    *sum = if code < 2 { s.mul(value, x) } else { s.mul_add(value, x, *sum) };
                }
            }
            let scale = spread.at(s, self.scales, number);
            for n in 0..N {
                totals[n] = s.mul_add(s.add(sums[n][0], sums[n][1]), scale, totals[n]);
            }
        }
        totals.map(
            #[inline(always)]
            |total| s.sum(total),
        )
    }
}

/// How the scales of groups spread over the lanes of a block.
struct Spreading<S: Simd> {
    /// Blocks in a group; 1 if a block has several.
    blocks: usize,
    /// Groups in a block; 1 if a group has several.
    groups: usize,
    lanes: S::I,
}

impl<S: Simd> Spreading<S> {
    #[inline(always)]
    fn new(s: S, block: usize, group: usize) -> Self {
        let (blocks, groups) = ((group / block).max(1), (block / group).max(1));
        let lanes: [u32; 16] = std::array::from_fn(|lane| (lane * groups / S::LANES) as u32);
        Self { blocks, groups, lanes: s.load_int(&lanes) }
    }

    /// The scale of each lane of a block.
    #[inline(always)]
    fn at(&self, s: S, scales: &[f32], block: usize) -> S::F {
        if self.groups == 1 {
            s.splat(scales[block / self.blocks])
        } else {
            s.lookup(s.load(&scales[block * self.groups..]), self.lanes)
        }
    }
}
