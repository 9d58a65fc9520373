//! Queries, keys or values, and where they lie.

#![expect(clippy::indexing_slicing, reason = "the greatest place is checked when heads are made")]

use std::ops::Range;

use crate::Numbers;
use crate::numbers::{widen, with};
use crate::quantized::Quantized;
use crate::simd::{Kernel, Simd};

/// Vectors `[batch, heads, length, width]`, each of which lies in one piece.
#[derive(Clone, Copy, Debug)]
pub struct Heads<'a> {
    store: Store<'a>,
    shape: [usize; 4],
    strides: [usize; 3],
}

#[derive(Clone, Copy, Debug)]
enum Store<'a> {
    Numbers(Numbers<'a>),
    Quantized(Quantized<'a>),
}

/// The greatest place of an array, and one.
pub(super) fn extent(shape: &[usize], strides: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    let mut places = shape.iter().zip(strides);
    places.try_fold(1_usize, |sum, (&size, &stride)| sum.checked_add((size - 1).checked_mul(stride)?))
}

impl<'a> Heads<'a> {
    /// Vectors that begin at places in `numbers`: the first three indices times `strides`.
    ///
    /// Returns none if there are too few numbers, or vectors have no elements.
    pub fn new(numbers: Numbers<'a>, shape: [usize; 4], strides: [usize; 3]) -> Option<Self> {
        let [a, b, c] = strides;
        let fits = shape[3] > 0 && extent(&shape, &[a, b, c, 1])? <= numbers.len();
        fits.then_some(Self { store: Store::Numbers(numbers), shape, strides })
    }

    /// Vectors that are rows of a matrix: the first three indices times `strides`, which count rows.
    ///
    /// Returns none if there are too few rows, or their length is not the width.
    pub fn quantized(matrix: Quantized<'a>, shape: [usize; 4], strides: [usize; 3]) -> Option<Self> {
        let fits = shape[3] == matrix.columns() && extent(&shape[..3], &strides)? <= matrix.rows();
        fits.then_some(Self { store: Store::Quantized(matrix), shape, strides })
    }

    /// `[batch, heads, length, width]`.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    fn place(&self, [batch, head]: [usize; 2], at: usize) -> usize {
        batch * self.strides[0] + head * self.strides[1] + at * self.strides[2]
    }

    /// Writes some vectors of a head as singles, `stride` after each other.
    #[inline(always)]
    pub(super) fn write<S: Simd>(
        &self,
        s: S,
        head: [usize; 2],
        range: Range<usize>,
        stride: usize,
        to: &mut [f32],
    ) {
        s.enter(Write { heads: self, head, range, stride, to });
    }

    /// Whether vectors are `bfloat16` of an even width.
    pub(super) fn is_paired(&self) -> bool {
        matches!(self.store, Store::Numbers(Numbers::Bf16(_))) && self.shape[3].is_multiple_of(2)
    }

    /// Writes a vector of a head as it is, two elements as the bits of a single, if it [is paired](Self::is_paired).
    #[inline(always)]
    pub(super) fn write_pairs<S: Simd>(&self, s: S, head: [usize; 2], at: usize, to: &mut [f32]) {
        if let Store::Numbers(Numbers::Bf16(all)) = self.store {
            let place = self.place(head, at);
            widen(s, all[place..place + self.shape[3]].as_chunks().0, to);
        }
    }

    /// How many floats [`block`](Self::block) needs for `count` vectors.
    pub(super) fn room(&self, count: usize) -> usize {
        match self.store {
            Store::Numbers(_) => 0,
            Store::Quantized(_) => count * self.shape[3],
        }
    }

    /// Some vectors of a head, and how far after each other they begin; those that have to be unpacked are in `room`.
    #[inline(always)]
    pub(super) fn block<'b, S: Simd>(
        &'b self,
        s: S,
        head: [usize; 2],
        range: Range<usize>,
        room: &'b mut [f32],
    ) -> (Numbers<'b>, usize) {
        let Store::Numbers(numbers) = self.store else {
            let width = self.shape[3];
            self.write(s, head, range, width, room);
            return (Numbers::F32(room), width);
        };
        let first = self.place(head, range.start);
        let numbers = match numbers {
            Numbers::F32(all) => Numbers::F32(&all[first..]),
            Numbers::F16(all) => Numbers::F16(&all[first..]),
            Numbers::Bf16(all) => Numbers::Bf16(&all[first..]),
        };
        (numbers, self.strides[2])
    }
}

/// Writes vectors as singles: a kernel, so that it is compiled once.
struct Write<'a, 'b> {
    heads: &'a Heads<'a>,
    head: [usize; 2],
    range: Range<usize>,
    stride: usize,
    to: &'b mut [f32],
}

impl Kernel for Write<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.heads.shape[3];
        for (at, to) in self.range.zip(self.to.chunks_mut(self.stride)) {
            let place = self.heads.place(self.head, at);
            match self.heads.store {
                Store::Numbers(numbers) => {
                    with!(Numbers, numbers, |all| widen(s, &all[place..place + width], &mut to[..width]));
                }
                Store::Quantized(matrix) => matrix.unpack(s, place, &mut to[..width]),
            }
        }
    }
}
