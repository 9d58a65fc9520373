//! A few rows with a quantized matrix, which is read once for every few of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::marker::PhantomData;

use super::code::Code;
use super::{Quantized, scales};
use crate::pool::{self, Columns};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, simd};

/// Rows of `x` that are multiplied while a row of the matrix is unpacked.
const TOGETHER: usize = 4;

/// `x · wᵀ`.
pub(super) fn multiply<C: Code>(level: Level, x: &[f32], w: &Quantized<'_>, out: &mut [f32]) {
    simd::dispatch(level, Few::<C> { x, w, out, code: PhantomData });
}

struct Few<'a, C> {
    x: &'a [f32],
    w: &'a Quantized<'a>,
    out: &'a mut [f32],
    code: PhantomData<C>,
}

impl<C: Code> Kernel for Few<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (columns, groups) = (self.w.columns, (self.w.columns / self.w.group).next_multiple_of(S::LANES));
        let rows = self.x.len() / columns;
        let length = columns.next_multiple_of(S::LANES * C::COUNT);
        let mut memory = Scratch::new(rows * (length + groups));
        let (elements, sums) = memory.split_at_mut(rows * length);
        s.enter(Lay::<C> { x: self.x, w: self.w, elements, sums, code: PhantomData });
        let elements = &*elements;
        // Some 16 KiB of words at a time.
        let grain = (4096 / self.w.row(0).len().max(1)).clamp(1, 64);
        pool::each_columns(self.out, self.w.rows(), grain, |mut out| {
            let tiles = elements.chunks(TOGETHER * length).zip(sums.chunks(TOGETHER * groups));
            for (number, (elements, sums)) in tiles.enumerate() {
                let tile = Tile { elements, sums, w: self.w, first: number * TOGETHER };
                match elements.len() / length {
                    1 => tile.multiply::<S, C, 1>(s, &mut out),
                    2 => tile.multiply::<S, C, 2>(s, &mut out),
                    3 => tile.multiply::<S, C, 3>(s, &mut out),
                    _ => tile.multiply::<S, C, TOGETHER>(s, &mut out),
                }
            }
        });
    }
}

/// Elements of the longest block.
const LONGEST: usize = 16 * 16;

/// Lays rows of `x` out in the order in which codes come out of units, and sums them over groups.
///
/// For every [`TOGETHER`] rows there stands, for each block of as many units as there are lanes, for each of the rows, for
/// each code of a unit: a vector.
struct Lay<'a, C> {
    x: &'a [f32],
    w: &'a Quantized<'a>,
    elements: &'a mut [f32],
    sums: &'a mut [f32],
    code: PhantomData<C>,
}

impl<C: Code> Kernel for Lay<'_, C> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (columns, group) = (self.w.columns, self.w.group);
        let length = columns.next_multiple_of(S::LANES * C::COUNT);
        let tiles = self.x.chunks(TOGETHER * columns).zip(self.elements.chunks_mut(TOGETHER * length));
        for (x, elements) in tiles {
            lay_tile::<S, C>(x, columns, elements);
        }
        let groups = (columns / group).next_multiple_of(S::LANES);
        for (x, sums) in self.x.chunks_exact(columns).zip(self.sums.chunks_exact_mut(groups)) {
            sums.fill(0.0);
            for (x, sum) in x.chunks_exact(group).zip(sums) {
                let mut total = s.splat(0.0);
                for x in x.chunks(S::LANES) {
                    total = s.add(total, s.load(x));
                }
                *sum = s.sum(total);
            }
        }
    }
}

/// Lays out rows that are multiplied together.
#[inline(always)]
fn lay_tile<S: Simd, C: Code>(x: &[f32], columns: usize, elements: &mut [f32]) {
    let (block, rows) = (S::LANES * C::COUNT, x.len() / columns);
    for (number, elements) in elements.chunks_exact_mut(rows * block).enumerate() {
        for (row, to) in x.chunks_exact(columns).zip(elements.chunks_exact_mut(block)) {
            let x = &row[number * block..columns.min((number + 1) * block)];
            let mut padded = [0.0; LONGEST];
            padded[..x.len()].copy_from_slice(x);
            for (at, to) in to.chunks_exact_mut(S::LANES).enumerate() {
                let factor = C::factor(at);
                for (to, unit) in to.iter_mut().zip(padded.chunks_exact(C::COUNT)) {
                    *to = unit[at] * factor;
                }
            }
        }
    }
}

/// Rows that are multiplied together, and where the first of them stands.
struct Tile<'a> {
    elements: &'a [f32],
    sums: &'a [f32],
    w: &'a Quantized<'a>,
    first: usize,
}

impl Tile<'_> {
    /// Writes the products of the `N` rows with the rows of the matrix that `out` has columns for.
    fn multiply<S: Simd, C: Code, const N: usize>(&self, s: S, out: &mut Columns<'_, f32>) {
        let columns = out.range();
        let mut products = Scratch::new(N * columns.len());
        let lines = Lines { tile: self, first: columns.start, products: &mut products };
        if S::LANES * C::COUNT <= self.w.group {
            s.enter(Products::<C, N, true>(lines, PhantomData));
        } else {
            s.enter(Products::<C, N, false>(lines, PhantomData));
        }
        for (row, products) in products.chunks_exact(columns.len().max(1)).enumerate() {
            out.row(self.first + row).copy_from_slice(products);
        }
    }
}

/// Rows of the matrix, and room for what becomes of them.
struct Lines<'a> {
    tile: &'a Tile<'a>,
    first: usize,
    products: &'a mut [f32],
}

/// Scales and biases of all groups of some rows, with room for what vectors read past them.
struct Factors {
    scales: Scratch,
    biases: Scratch,
    groups: usize,
}

impl Factors {
    #[inline(always)]
    fn new<S: Simd>(s: S, w: &Quantized<'_>, first: usize, rows: usize) -> Self {
        let groups = w.columns / w.group;
        let (used, length) = (rows * groups, rows * groups + 2 * 16);
        let (mut scales, mut biases) = (Scratch::new(length), Scratch::new(length));
        w.scales.write(s, first * groups, &mut scales[..used]);
        match w.biases {
            Some(from) => scales::write(s, from, first * groups, &mut biases[..used]),
            None => biases.fill(0.0),
        }
        biases[used..].fill(0.0);
        Self { scales, biases, groups }
    }

    /// What the biases of a row add to the products.
    #[inline(always)]
    fn shifts<S: Simd, const N: usize>(&self, s: S, row: usize, sums: &[f32]) -> [S::F; N] {
        let mut totals = [s.splat(0.0); N];
        let biases = &self.biases[row * self.groups..];
        let padded = self.groups.next_multiple_of(S::LANES);
        // Behind the last bias of a row stand those of the next, which meet no sum: zeros take their place, as they may be
        // no numbers.
        let counting: [f32; 16] = std::array::from_fn(|lane| lane as f32);
        let (counting, end) = (s.load(&counting), s.splat(self.groups as f32));
        for first in (0..padded).step_by(S::LANES) {
            let place = s.add(counting, s.splat(first as f32));
            let biases = s.less(place, end, s.load(&biases[first..first + S::LANES]), s.splat(0.0));
            for (total, sums) in totals.iter_mut().zip(sums.chunks_exact(padded)) {
                *total = s.mul_add(biases, s.load(&sums[first..first + S::LANES]), *total);
            }
        }
        totals
    }
}

/// The products of lines. A group is `WHOLE` if it is one block or several; else a block has several groups.
struct Products<'a, C, const N: usize, const WHOLE: bool>(Lines<'a>, PhantomData<C>);

impl<C: Code, const N: usize, const WHOLE: bool> Kernel for Products<'_, C, N, WHOLE> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Lines { tile, first, products } = self.0;
        let Tile { elements, sums, w, .. } = *tile;
        let groups = (S::LANES * C::COUNT / w.group).max(1);
        let lanes: [u32; 16] = std::array::from_fn(|lane| (lane * groups / S::LANES) as u32);
        let lanes = s.load_int(&lanes);
        let rows = products.len() / N;
        let factors = Factors::new(s, w, first, rows);
        let stride = w.row(0).len();
        for (row, words) in w.words[first * stride..].chunks_exact(stride).take(rows).enumerate() {
            let mut totals = factors.shifts::<S, N>(s, row, sums);
            let line = Line { words, scales: &factors.scales[row * factors.groups..], elements };
            if WHOLE {
                line.add_whole::<S, C, N>(s, w.group, &mut totals);
            } else {
                line.add_parts::<S, C, N>(s, groups, lanes, &mut totals);
            }
            for n in 0..N {
                products[n * rows + row] = s.sum(totals[n]);
            }
        }
    }
}

/// A row of the matrix, and what it is multiplied with. Behind its scales stand others.
struct Line<'a> {
    words: &'a [u32],
    scales: &'a [f32],
    elements: &'a [f32],
}

impl Line<'_> {
    #[inline(always)]
    fn add_whole<S: Simd, C: Code, const N: usize>(&self, s: S, group: usize, totals: &mut [S::F; N]) {
        let (block, words) = (S::LANES * C::COUNT, C::words(S::LANES));
        let groups =
            self.words.chunks_exact(words * (group / block)).zip(self.elements.chunks_exact(N * group));
        for ((line, x), &scale) in groups.zip(self.scales) {
            let mut sums = [[s.splat(0.0); 2]; N];
            for (line, x) in line.chunks_exact(words).zip(x.chunks_exact(N * block)) {
                add::<S, C, N>(s, line, x, &mut sums);
            }
            scale_up(s, sums, s.splat(scale), totals);
        }
    }

    /// The same with `groups` groups in a block, whose scales spread over `lanes`.
    #[inline(always)]
    fn add_parts<S: Simd, C: Code, const N: usize>(
        &self,
        s: S,
        groups: usize,
        lanes: S::I,
        totals: &mut [S::F; N],
    ) {
        let (block, words) = (S::LANES * C::COUNT, C::words(S::LANES));
        let mut scales = self.scales;
        for (line, x) in self.words.chunks(words).zip(self.elements.chunks_exact(N * block)) {
            let mut sums = [[s.splat(0.0); 2]; N];
            add::<S, C, N>(s, line, x, &mut sums);
            scale_up(s, sums, s.lookup(s.load(&scales[..S::LANES]), lanes), totals);
            scales = &scales[groups..];
        }
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
