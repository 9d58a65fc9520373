//! Many rounded rows with a matrix, which is unpacked once for all of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::marker::PhantomData;
use std::ops::Range;

use super::{MOST_STEPS, Rounding};
use crate::pool::{self, Columns};
use crate::quantized::fields::each_lane;
use crate::quantized::{Each, Quantized, scales};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, simd};

/// Columns of the matrix that are unpacked at a time, a multiple of every group.
const DEPTH: usize = 512;

/// `x · wᵀ` for each of some matrices of whole numbers.
pub(super) fn multiply<T: Rounding>(level: Level, x: &[f32], each: Each<'_, '_>) {
    simd::dispatch(level, Product::<T> { x, each, rounding: PhantomData });
}

struct Product<'a, 'b, T> {
    x: &'a [f32],
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
            let rows = &self.x[first..self.x.len().min(first + tile * w.columns)];
            s.enter(Round::<T> { rows, layout, to, rounding: PhantomData });
        });
        for (w, out) in self.each {
            pool::each_columns(out, w.rows(), vectors * S::LANES, |out| {
                s.enter(Panel::<T> { left: &memory, layout, w, rows, out, rounding: PhantomData });
            });
        }
    }
}

/// Rounds the rows of a tile.
struct Round<'a, T> {
    rows: &'a [f32],
    layout: Layout,
    to: &'a mut [f32],
    rounding: PhantomData<T>,
}

impl<T: Rounding> Kernel for Round<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Layout { rows, columns, group, block, .. } = self.layout;
        let steps = self.layout.steps();
        self.to.fill(0.0);
        let (elements, rest) = self.to.split_at_mut(self.layout.elements());
        let (scales, sums) = rest.split_at_mut(self.layout.scales());
        let mut lanes = [0.0; MOST_STEPS];
        for (row, x) in self.rows.chunks_exact(columns).enumerate() {
            for (number, x) in x.chunks_exact(block).enumerate() {
                let [scale, sum] = T::round(s, x, &mut lanes);
                for (step, &lane) in lanes[..steps].iter().enumerate() {
                    elements[(number * steps + step) * rows + row] = lane;
                }
                scales[number * rows + row] = scale;
                sums[number * block / group * rows + row] += sum;
            }
        }
    }
}

/// A few columns of the product: as many as a tile has.
struct Panel<'a, 'b, T> {
    left: &'a [f32],
    layout: Layout,
    w: &'a Quantized<'a>,
    rows: usize,
    out: Columns<'b, f32>,
    rounding: PhantomData<T>,
}

impl<T: Rounding> Kernel for Panel<'_, '_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let mut sums = Scratch::new(self.rows.next_multiple_of(tile) * width);
        sums.fill(0.0);
        let mut digits = Scratch::new(DEPTH / T::EACH * T::DIGITS * width);
        let mut lines = Scratch::new(DEPTH / self.layout.group * 2 * width);
        for first in (0..self.w.columns).step_by(DEPTH) {
            let depth = first..self.w.columns.min(first + DEPTH);
            self.unpack(s, depth.clone(), &mut digits, &mut lines);
            let tiles = self.left.chunks_exact(self.layout.len());
            for (left, sums) in tiles.zip(sums.chunks_exact_mut(tile * width)) {
                let right = Right { digits: &digits, lines: &lines };
                let (layout, depth) = (self.layout, depth.clone());
                s.enter(Tile::<T> { left, right, layout, depth, sums, rounding: PhantomData });
            }
        }
        let columns = self.out.range().len();
        for (row, sums) in sums.chunks_exact(width).take(self.rows).enumerate() {
            self.out.row(row).copy_from_slice(&sums[..columns]);
        }
    }
}

impl<T: Rounding> Panel<'_, '_, T> {
    /// Writes digits, for each block, for each digit of a code, for each step, and for each group scales and biases.
    #[inline(always)]
    fn unpack<S: Simd>(&self, s: S, depth: Range<usize>, digits: &mut [f32], lines: &mut [f32]) {
        let (_, vectors) = S::TILE;
        let (width, group) = (vectors * S::LANES, self.w.group);
        let (stride, groups) = (self.w.row(0).len(), self.w.columns / group);
        let of_block = self.layout.block * T::BITS / 32;
        let lines_of_block = T::DIGITS * self.layout.steps();
        for vector in 0..vectors {
            let (row, place) = (self.out.range().start + vector * S::LANES, vector * S::LANES);
            let words = self.w.words.get(row * stride..).unwrap_or_default();
            let of_row = depth.start * T::BITS / 32..depth.end * T::BITS / 32;
            for (number, word) in of_row.enumerate() {
                let units = each_lane(s, |lane| words.get(lane * stride + word).copied().unwrap_or(0));
                let to = &mut digits[number / of_block * lines_of_block * width..];
                T::unpack(
                    s,
                    units,
                    number % of_block,
                    #[inline(always)]
                    |line, codes| s.store(&mut to[line * width + place..], s.from_bits(codes)),
                );
            }
            for (group, to) in (depth.start / group..depth.end / group).zip(lines.chunks_exact_mut(2 * width))
            {
                for lane in 0..S::LANES {
                    let from = (row + lane) * groups + group;
                    to[place + lane] = self.w.scales.at(from);
                    to[width + place + lane] = self.w.biases.map_or(0.0, |biases| scales::at(biases, from));
                }
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
                for (factor, digits) in [1.0, 16.0].into_iter().zip(digits.by_ref().take(T::DIGITS)) {
                    let products = products::<S, T, ROWS, VECTORS>(s, left, digits);
                    for (row, products) in products.iter().enumerate() {
                        let scale = s.splat(x_scales[row] * factor);
                        for (v, &products) in products.iter().enumerate() {
                            let place = v * S::LANES;
                            let scale = s.mul(scale, s.load(&scales[place..]));
                            let sum = &mut sums[row * width + place..][..S::LANES];
                            s.store(sum, s.mul_add(s.to_float(products), scale, s.load(sum)));
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
) -> [[S::I; VECTORS]; ROWS] {
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
    for sums in &mut sums {
        for sum in sums {
            *sum = T::total(s, *sum);
        }
    }
    sums
}
