//! Many rounded rows with a matrix, which is unpacked once for all of them.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::ops::Range;

use super::{BLOCK, Rounded, STEPS};
use crate::pool::{self, Columns};
use crate::quantized::fields::each_lane;
use crate::quantized::{Quantized, scales};
use crate::scratch::Scratch;
use crate::simd::{Kernel, Simd};
use crate::{Level, simd};

/// Columns of the matrix that are unpacked at a time, a multiple of every group.
const DEPTH: usize = 512;

/// `x · wᵀ` for a matrix of 4 or 8 bits.
pub(in crate::quantized) fn multiply<const BITS: usize>(
    level: Level,
    x: &[f32],
    w: &Quantized<'_>,
    out: &mut [f32],
) {
    simd::dispatch(level, Product::<BITS> { x, w, out });
}

struct Product<'a, const BITS: usize> {
    x: &'a [f32],
    w: &'a Quantized<'a>,
    out: &'a mut [f32],
}

/// Where the parts of a tile of rounded rows stand.
#[derive(Clone, Copy)]
struct Layout {
    rows: usize,
    columns: usize,
    group: usize,
}

impl Layout {
    /// For each block, for each step, for each row: 4 bytes.
    fn bytes(self) -> usize {
        self.rows * self.columns / 4
    }

    /// For each block, for each row: what the bytes are multiplied by.
    fn scales(self) -> usize {
        self.rows * self.columns / BLOCK
    }

    /// For each group, for each row: the sum of the rounded elements.
    fn sums(self) -> usize {
        self.rows * self.columns / self.group
    }

    fn len(self) -> usize {
        self.bytes() + self.scales() + self.sums()
    }
}

impl<const BITS: usize> Kernel for Product<'_, BITS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (tile, vectors) = S::TILE;
        let (w, rows) = (self.w, self.x.len() / self.w.columns);
        let layout = Layout { rows: tile, columns: w.columns, group: w.group };
        let mut memory = Scratch::new(rows.div_ceil(tile) * layout.len());
        pool::each_part(&mut memory, layout.len(), 2, |number, to| {
            let first = number * tile * w.columns;
            let rows = &self.x[first..self.x.len().min(first + tile * w.columns)];
            s.enter(Round::<BITS> { rows, layout, to });
        });
        pool::each_columns(self.out, w.rows(), vectors * S::LANES, |out| {
            s.enter(Panel::<BITS> { left: &memory, layout, w, rows, out });
        });
    }
}

/// Rounds the rows of a tile.
struct Round<'a, const BITS: usize> {
    rows: &'a [f32],
    layout: Layout,
    to: &'a mut [f32],
}

impl<const BITS: usize> Kernel for Round<'_, BITS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Layout { rows, columns, group } = self.layout;
        self.to.fill(0.0);
        let (bytes, rest) = self.to.split_at_mut(self.layout.bytes());
        let (scales, sums) = rest.split_at_mut(self.layout.scales());
        for (row, x) in self.rows.chunks_exact(columns).enumerate() {
            for (number, x) in x.chunks_exact(BLOCK).enumerate() {
                let block = Rounded::new::<S, BITS>(s, x);
                for (step, &word) in block.words.iter().enumerate() {
                    bytes[(number * STEPS + step) * rows + row] = word;
                }
                scales[number * rows + row] = block.scale;
                sums[number * BLOCK / group * rows + row] += block.sum;
            }
        }
    }
}

/// A few columns of the product: as many as a tile has.
struct Panel<'a, 'b, const BITS: usize> {
    left: &'a [f32],
    layout: Layout,
    w: &'a Quantized<'a>,
    rows: usize,
    out: Columns<'b, f32>,
}

impl<const BITS: usize> Kernel for Panel<'_, '_, BITS> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (tile, vectors) = S::TILE;
        let width = vectors * S::LANES;
        let mut sums = Scratch::new(self.rows.next_multiple_of(tile) * width);
        sums.fill(0.0);
        let mut digits = Scratch::new(DEPTH / 4 * (BITS / 4) * width);
        let mut lines = Scratch::new(DEPTH / BLOCK * 2 * width);
        for first in (0..self.w.columns).step_by(DEPTH) {
            let depth = first..self.w.columns.min(first + DEPTH);
            self.unpack(s, depth.clone(), &mut digits, &mut lines);
            let tiles = self.left.chunks_exact(self.layout.len());
            for (left, sums) in tiles.zip(sums.chunks_exact_mut(tile * width)) {
                let right = Right { digits: &digits, lines: &lines };
                s.enter(Tile::<BITS> { left, right, layout: self.layout, depth: depth.clone(), sums });
            }
        }
        let columns = self.out.range().len();
        for (row, sums) in sums.chunks_exact(width).take(self.rows).enumerate() {
            self.out.row(row).copy_from_slice(&sums[..columns]);
        }
    }
}

impl<const BITS: usize> Panel<'_, '_, BITS> {
    /// Writes digits, for each block, for each digit of a code, for each step, and for each group scales and biases.
    #[inline(always)]
    fn unpack<S: Simd>(&self, s: S, depth: Range<usize>, digits: &mut [f32], lines: &mut [f32]) {
        let (_, vectors) = S::TILE;
        let (width, group) = (vectors * S::LANES, self.w.group);
        let (stride, groups) = (self.w.row(0).len(), self.w.columns / group);
        let mask = s.splat_int(0x0f0f_0f0f);
        for vector in 0..vectors {
            let (row, place) = (self.out.range().start + vector * S::LANES, vector * S::LANES);
            let words = self.w.words.get(row * stride..).unwrap_or_default();
            let of_row = depth.start * BITS / 32..depth.end * BITS / 32;
            for (number, word) in of_row.enumerate() {
                let units = each_lane(s, |lane| words.get(lane * stride + word).copied().unwrap_or(0));
                let (block, word) = (number / BITS, number % BITS);
                let (low, high) = if BITS == 4 { (2 * word, 2 * word + 1) } else { (word, STEPS + word) };
                let to = &mut digits[block * (BITS / 4) * STEPS * width..];
                s.store(&mut to[low * width + place..], s.from_bits(s.and(units, mask)));
                let units = s.and(s.shift_right(units, s.splat_int(4)), mask);
                s.store(&mut to[high * width + place..], s.from_bits(units));
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
struct Tile<'a, const BITS: usize> {
    left: &'a [f32],
    right: Right<'a>,
    layout: Layout,
    depth: Range<usize>,
    sums: &'a mut [f32],
}

impl<const BITS: usize> Kernel for Tile<'_, BITS> {
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

impl<const BITS: usize> Tile<'_, BITS> {
    #[inline(always)]
    fn add<S: Simd, const ROWS: usize, const VECTORS: usize>(self, s: S) {
        let width = VECTORS * S::LANES;
        let (bytes, rest) = self.left.split_at(self.layout.bytes());
        let (x_scales, x_sums) = rest.split_at(self.layout.scales());
        let blocks = self.layout.group / BLOCK;
        let groups = self.depth.start / self.layout.group..self.depth.end / self.layout.group;
        let mut digits = self.right.digits.chunks_exact(STEPS * width);
        for (group, lines) in groups.zip(self.right.lines.chunks_exact(2 * width)) {
            let (scales, biases) = lines.split_at(width);
            add_scaled::<S, VECTORS>(s, &x_sums[group * ROWS..][..ROWS], biases, self.sums);
            for block in group * blocks..(group + 1) * blocks {
                let left = &bytes[block * STEPS * ROWS..][..STEPS * ROWS];
                let x_scales = &x_scales[block * ROWS..][..ROWS];
                for (factor, digits) in [1.0, 16.0].into_iter().zip(digits.by_ref().take(BITS / 4)) {
                    let products = products::<S, ROWS, VECTORS>(s, left, digits);
                    let sums = self.sums.chunks_exact_mut(width);
                    for ((products, &scale), sums) in products.iter().zip(x_scales).zip(sums) {
                        let scale = s.splat(scale * factor);
                        for v in 0..VECTORS {
                            let sum = &mut sums[v * S::LANES..][..S::LANES];
                            let scale = s.mul(scale, s.load(&scales[v * S::LANES..]));
                            s.store(sum, s.mul_add(s.to_float(products[v]), scale, s.load(sum)));
                        }
                    }
                }
            }
        }
    }
}

/// Adds multiples of a line to rows of sums.
#[inline(always)]
fn add_scaled<S: Simd, const VECTORS: usize>(s: S, factors: &[f32], line: &[f32], sums: &mut [f32]) {
    for (&factor, sums) in factors.iter().zip(sums.chunks_exact_mut(VECTORS * S::LANES)) {
        let factor = s.splat(factor);
        for v in 0..VECTORS {
            let sum = &mut sums[v * S::LANES..][..S::LANES];
            s.store(sum, s.mul_add(factor, s.load(&line[v * S::LANES..]), s.load(sum)));
        }
    }
}

/// The products of a block of bytes with digits.
#[inline(always)]
fn products<S: Simd, const ROWS: usize, const VECTORS: usize>(
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
                *sum = s.add_shorts(*sum, s.dot_pairs(vector, left));
            }
        }
    }
    let ones = s.splat_int(1 << 16 | 1);
    for sums in &mut sums {
        for sum in sums {
            *sum = s.dot_shorts(*sum, ones);
        }
    }
    sums
}
