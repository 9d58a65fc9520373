//! Many rounded rows with a matrix, which is unpacked once for all of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::marker::PhantomData;
use std::ops::Range;

use super::{MOST_STEPS, Rounding};
use crate::numbers::{widen, with};
use crate::product::{After, Write, square};
use crate::quantized::code::Code;
use crate::quantized::{Each, Quantized, scales};
use crate::scratch::Scratch;
use crate::simd::{Kernel, MOST_LANES, Simd};
use crate::{Level, Numbers, pool, simd};

/// Columns of the matrix that are unpacked at a time, a multiple of every group.
const DEPTH: usize = 512;
/// Elements of the smallest group.
const LEAST_GROUP: usize = 16;

/// `x · wᵀ` for each of some matrices of whole numbers.
pub(super) fn multiply<T: Rounding>(level: Level, x: Numbers<'_>, each: Each<'_, '_>) {
    simd::dispatch(level, Product::<T> { x, each, rounding: PhantomData });
}

struct Product<'a, 'b, T> {
    x: Numbers<'a>,
    each: Each<'a, 'b>,
    rounding: PhantomData<T>,
}

/// Where the parts of a tile of rounded rows stand.
#[derive(Clone, Copy)]
struct Layout {
    rows: usize,
    columns: usize,
    group: usize,
    /// Elements with one scale.
    block: usize,
    /// Elements in a lane.
    each: usize,
}

impl Layout {
    /// For each block, for each step, for each row: a lane of elements.
    fn elements(self) -> usize {
        self.rows * self.columns / self.each
    }

    /// For each block, for each row: what the elements are multiplied by.
    fn scales(self) -> usize {
        self.rows * self.columns / self.block
    }

    /// Lanes of a block.
    fn steps(self) -> usize {
        self.block / self.each
    }

    /// For each group, for each row: the sum of the rounded elements.
    fn sums(self) -> usize {
        self.rows * self.columns / self.group
    }

    fn len(self) -> usize {
        self.elements() + self.scales() + self.sums()
    }
}

impl<T: Rounding> Kernel for Product<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (tile, vectors) = S::TILE;
        let Some(&(w, _)) = self.each.first() else { return };
        let rows = self.x.len() / w.columns;
        let block = T::block(w.group);
        let layout = Layout { rows: tile, columns: w.columns, group: w.group, block, each: T::EACH };
        let mut memory = Scratch::new(rows.div_ceil(tile) * layout.len());
        pool::each_part(&mut memory, layout.len(), 2, |number, to| {
            let first = number * tile * w.columns;
            let rows = self.x.part(first..self.x.len().min(first + tile * w.columns));
            s.enter(Round::<T> { rows, layout, to, rounding: PhantomData });
        });
        let width = vectors * S::LANES;
        for (w, out) in self.each {
            with!(NumbersMut, out, |out| pool::each_columns(out, w.rows(), width, |out| {
                let mut sums = Scratch::new(rows.next_multiple_of(tile) * width);
                let (left, first) = (&memory[..], out.range().start);
                s.enter(Panel::<T> { left, layout, w, first, sums: &mut sums, rounding: PhantomData });
                s.enter(Write { sums: &mut sums, rows, first_row: 0, after: After::nothing(), out });
            }));
        }
    }
}

/// Rounds the rows of a tile.
struct Round<'a, T> {
    rows: Numbers<'a>,
    layout: Layout,
    to: &'a mut [f32],
    rounding: PhantomData<T>,
}

impl<T: Rounding> Kernel for Round<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Layout { rows, columns, group, block, .. } = self.layout;
        let (steps, count) = (self.layout.steps(), self.rows.len() / columns);
        let (elements, rest) = self.to.split_at_mut(self.layout.elements());
        let (scales, sums) = rest.split_at_mut(self.layout.scales());
        scales.fill(0.0);
        sums.fill(0.0);
        let mut wide = Scratch::new(count * columns);
        with!(Numbers, self.rows, |rows| widen(s, rows, &mut wide));
        let mut lanes = [[0.0; MOST_STEPS]; MOST_LANES];
        for (number, elements) in elements.chunks_exact_mut(steps * rows).enumerate() {
            for (row, lanes) in lanes.iter_mut().enumerate().take(count) {
                let x = &wide[row * columns + number * block..][..block];
                let [scale, sum] = T::round(s, x, lanes);
                scales[number * rows + row] = scale;
                sums[number * block / group * rows + row] += sum;
            }
            square::transpose(s, |lane| &lanes[lane.min(count - 1)][..steps], rows, elements);
        }
    }
}

/// A few columns of the product: as many as a tile has.
struct Panel<'a, T> {
    left: &'a [f32],
    layout: Layout,
    w: &'a Quantized<'a>,
    /// The first of the columns.
    first: usize,
    /// For each row of whole tiles: as many floats as a tile has columns.
    sums: &'a mut [f32],
    rounding: PhantomData<T>,
}

impl<T: Rounding> Kernel for Panel<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let mut digits = Scratch::new(DEPTH / T::EACH * T::digits::<S>() * width);
        let mut lines = Scratch::new(DEPTH / self.layout.group * 2 * width);
        self.sums.fill(0.0);
        for first in (0..self.w.columns).step_by(DEPTH) {
            let depth = first..self.w.columns.min(first + DEPTH);
            for vector in 0..vectors {
                let of_vector = Unpack { w: self.w, layout: self.layout, first: self.first, vector };
                of_vector.write_digits::<S, T>(s, depth.clone(), &mut digits);
                of_vector.write_lines(s, depth.clone(), &mut lines);
            }
            let next =
                if depth.end < self.w.columns { [self.first, depth.end] } else { [self.first + width, 0] };
            self.prefetch(s, next);
            let tiles = self.left.chunks_exact(self.layout.len());
            for (left, sums) in tiles.zip(self.sums.chunks_exact_mut(tile * width)) {
                let right = Right { digits: &digits, lines: &lines };
                let (layout, depth) = (self.layout, depth.clone());
                s.enter(Tile::<T> { left, right, layout, depth, sums, rounding: PhantomData });
            }
        }
    }
}

impl<T> Panel<'_, T> {
    /// Brings what is unpacked next, from a row and a column of the matrix on, into the cache.
    #[inline(always)]
    fn prefetch<S: Simd>(&self, s: S, [row, column]: [usize; 2]) {
        let (groups, words) = (self.w.columns / self.w.group, self.w.row(0).len());
        let [in_words, in_groups] = [words, groups].map(|all| column * all / self.w.columns);
        let [some_words, some_groups] = [words, groups].map(|all| DEPTH * all / self.w.columns);
        for row in row..row + S::TILE.1 * S::LANES {
            let first = row * words + in_words;
            for word in (first..first + some_words).step_by(16) {
                s.prefetch(self.w.words, word);
            }
            let first = row * groups + in_groups;
            self.w.scales.prefetch(s, first..first + some_groups);
            if let Some(biases) = self.w.biases {
                scales::prefetch(s, biases, first..first + some_groups);
            }
        }
    }
}

/// A vector of a panel's columns, which are rows of the matrix.
struct Unpack<'a> {
    w: &'a Quantized<'a>,
    layout: Layout,
    /// The first column of the panel.
    first: usize,
    /// The number of the vector.
    vector: usize,
}

impl Unpack<'_> {
    /// Writes digits, for each block, for each digit of a code, for each step.
    #[inline(always)]
    fn write_digits<S: Simd, T: Rounding>(&self, s: S, depth: Range<usize>, to: &mut [f32]) {
        let (width, place) = (S::TILE.1 * S::LANES, self.vector * S::LANES);
        let of_block = self.layout.block / T::Code::COUNT;
        let block = T::digits::<S>() * self.layout.steps() * width;
        self.each_unit::<S, T::Code>(
            s,
            depth.start / T::Code::COUNT..depth.end / T::Code::COUNT,
            #[inline(always)]
            |unit, units| {
                let to = &mut to[unit / of_block * block..];
                T::unpack(
                    s,
                    units,
                    unit % of_block,
                    #[inline(always)]
                    |line, codes| s.store(&mut to[line * width + place..], s.from_bits(codes)),
                );
            },
        );
    }

    /// Calls `work` with units of the rows, one a lane, and their numbers within `range`.
    #[inline(always)]
    fn each_unit<S: Simd, C: Code>(&self, s: S, range: Range<usize>, mut work: impl FnMut(usize, S::I)) {
        let stride = self.w.row(0).len();
        let first = (self.first + self.vector * S::LANES) * stride;
        let rows = self.w.words.get(first..).unwrap_or_default();
        if C::UNIT != 32 {
            for (at, unit) in range.enumerate() {
                work(at, C::column(s, rows, stride, unit));
            }
            return;
        }
        for first in range.clone().step_by(S::LANES) {
            let count = S::LANES.min(range.end - first);
            let mut square = [s.splat(0.0); MOST_LANES];
            for (lane, row) in square.iter_mut().enumerate().take(S::LANES) {
                let at = lane * stride + first;
                *row = s.from_bits(s.load_some(rows.get(at..at + count).unwrap_or_default()));
            }
            for (at, &units) in s.transpose(square).iter().enumerate().take(count) {
                work(first - range.start + at, s.to_bits(units));
            }
        }
    }

    /// Writes scales and biases, for each group.
    #[inline(always)]
    fn write_lines<S: Simd>(&self, s: S, depth: Range<usize>, to: &mut [f32]) {
        let (width, group) = (S::TILE.1 * S::LANES, self.w.group);
        let place = self.vector * S::LANES;
        let (groups, of_row) = (depth.start / group..depth.end / group, self.w.columns / group);
        for lane in 0..S::LANES {
            let row = (self.first + place + lane) * of_row;
            let mut numbers = [[0.0; DEPTH / LEAST_GROUP]; 2];
            let [scales, biases] = numbers.each_mut().map(|numbers| &mut numbers[..groups.len()]);
            self.w.scales.write(s, row + groups.start, scales);
            if let Some(all) = self.w.biases {
                scales::write(s, all, row + groups.start, biases);
            }
            let to = to.chunks_exact_mut(2 * width);
            for (to, (&scale, &bias)) in to.zip(scales.iter().zip(&*biases)) {
                to[place + lane] = scale;
                to[width + place + lane] = bias;
            }
        }
    }
}

/// What a panel unpacked.
struct Right<'a> {
    digits: &'a [f32],
    lines: &'a [f32],
}

/// Adds the products of a tile of rows to `sums`.
struct Tile<'a, T> {
    left: &'a [f32],
    right: Right<'a>,
    layout: Layout,
    depth: Range<usize>,
    sums: &'a mut [f32],
    rounding: PhantomData<T>,
}

impl<T: Rounding> Kernel for Tile<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match S::TILE {
            (12, 2) => self.add::<S, 12, 2>(s),
            (6, 2) => self.add::<S, 6, 2>(s),
            _ => self.add::<S, 4, 1>(s),
        }
    }
}

impl<T: Rounding> Tile<'_, T> {
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const VECTORS: usize>(self, s: S) {
        let width = VECTORS * S::LANES;
        let (elements, rest) = self.left.split_at(self.layout.elements());
        let (x_scales, x_sums) = rest.split_at(self.layout.scales());
        let (blocks, steps) = (self.layout.group / self.layout.block, self.layout.steps());
        let groups = self.depth.start / self.layout.group..self.depth.end / self.layout.group;
        let x_sums = &x_sums[groups.start * ROWS..groups.end * ROWS];
        add_biases::<S, ROWS, VECTORS>(s, x_sums, self.right.lines, self.sums);
        let sums = &mut self.sums[..ROWS * width];
        let mut digits = self.right.digits.chunks_exact(steps * width);
        for (group, lines) in groups.zip(self.right.lines.chunks_exact(2 * width)) {
            let scales = &lines[..width];
            for block in group * blocks..(group + 1) * blocks {
                let left = &elements[block * steps * ROWS..][..steps * ROWS];
                let x_scales = &x_scales[block * ROWS..][..ROWS];
                for (factor, digits) in [1.0, 16.0].into_iter().zip(digits.by_ref().take(T::digits::<S>())) {
                    let products = products::<S, T, ROWS, VECTORS>(s, left, digits);
                    for (row, products) in products.iter().enumerate() {
                        let x_scale = s.splat(x_scales[row] * factor);
                        for (v, &products) in products.iter().enumerate() {
                            let place = v * S::LANES;
                            let scale = s.load(&scales[place..]);
                            let scale = if T::SCALED { s.mul(x_scale, scale) } else { scale };
                            let sum = &mut sums[row * width + place..][..S::LANES];
                            s.store(sum, s.mul_add(products, scale, s.load(sum)));
                        }
                    }
                }
            }
        }
    }
}

/// Adds the products of each group's sum of elements and its biases.
#[inline(always)]
fn add_biases<S: Simd, const ROWS: usize, const VECTORS: usize>(
    s: S,
    x_sums: &[f32],
    lines: &[f32],
    sums: &mut [f32],
) {
    let width = VECTORS * S::LANES;
    let mut products = [[s.splat(0.0); VECTORS]; ROWS];
    for (x_sums, lines) in x_sums.chunks_exact(ROWS).zip(lines.chunks_exact(2 * width)) {
        for v in 0..VECTORS {
            let biases = s.load(&lines[width + v * S::LANES..]);
            for (products, &x_sum) in products.iter_mut().zip(x_sums) {
                products[v] = s.mul_add(s.splat(x_sum), biases, products[v]);
            }
        }
    }
    for (products, sums) in products.iter().zip(sums.chunks_exact_mut(width)) {
        for v in 0..VECTORS {
            let sum = &mut sums[v * S::LANES..][..S::LANES];
            s.store(sum, s.add(s.load(sum), products[v]));
        }
    }
}

/// The products of a block of elements with digits.
#[inline(always)]
fn products<S: Simd, T: Rounding, const ROWS: usize, const VECTORS: usize>(
    s: S,
    left: &[f32],
    digits: &[f32],
) -> [[S::F; VECTORS]; ROWS] {
    let mut sums = [[s.splat_int(0); VECTORS]; ROWS];
    for (left, digits) in left.chunks_exact(ROWS).zip(digits.chunks_exact(VECTORS * S::LANES)) {
        let mut vectors = [s.splat_int(0); VECTORS];
        for (v, vector) in vectors.iter_mut().enumerate() {
            *vector = s.to_bits(s.load(&digits[v * S::LANES..]));
        }
        for (sums, &left) in sums.iter_mut().zip(left) {
            let left = s.to_bits(s.splat(left));
            for (sum, &vector) in sums.iter_mut().zip(&vectors) {
                *sum = T::add(s, *sum, vector, left);
            }
        }
    }
    let mut totals = [[s.splat(0.0); VECTORS]; ROWS];
    for (totals, sums) in totals.iter_mut().zip(&sums) {
        for (total, &sum) in totals.iter_mut().zip(sums) {
            *total = T::total(s, sum);
        }
    }
    totals
}
