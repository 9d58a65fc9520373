//! A quantized matrix as the right side of a product.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::marker::PhantomData;
use std::ops::Range;

use super::code::Code;
use super::{Quantized, scales};
use crate::product::{Right, Singles};
use crate::simd::Simd;

/// `wᵀ`: rows of the matrix are columns of the product.
pub(super) struct Transposed<'a, C> {
    w: &'a Quantized<'a>,
    code: PhantomData<C>,
}

impl<'a, C: Code> Transposed<'a, C> {
    pub(super) fn new(w: &'a Quantized<'a>) -> Self {
        Self { w, code: PhantomData }
    }

    /// The scales and biases of a group for the rows from `first` on, one a lane.
    #[inline(always)]
    fn line<S: Simd>(&self, s: S, first: usize, group: usize) -> (S::F, S::F) {
        let groups = self.w.columns / self.w.group;
        let (mut scale, mut bias) = ([0.0; 16], [0.0; 16]);
        for lane in 0..S::LANES {
            let place = (first + lane) * groups + group;
            scale[lane] = self.w.scales.at(place);
            bias[lane] = self.w.biases.map_or(0.0, |biases| scales::at(biases, place));
        }
        (s.load(&scale), s.load(&bias))
    }
}

impl<C: Code> Right for Transposed<'_, C> {
    type Term = Singles;

    fn depth(&self) -> usize {
        self.w.columns
    }

    fn columns(&self) -> usize {
        self.w.rows()
    }

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]) {
        let stride = self.w.row(0).len();
        for vector in 0..width / S::LANES {
            let first = columns.start + vector * S::LANES;
            let words = self.w.words.get(first * stride..).unwrap_or_default();
            let groups = rows.clone().step_by(self.w.group);
            for (group, to) in groups.zip(to.chunks_mut(self.w.group * width)) {
                let (scale, bias) = self.line(s, first, group / self.w.group);
                for (unit, to) in to.chunks_exact_mut(C::COUNT * width).enumerate() {
                    let units = C::column(s, words, stride, group / C::COUNT + unit);
                    for code in 0..C::COUNT {
                        let value = s.mul_add(C::value(s, units, code), scale, bias);
                        s.store(&mut to[code * width + vector * S::LANES..][..S::LANES], value);
                    }
                }
            }
        }
    }
}

/// `w`: rows of the matrix are rows of the product's right side.
pub(super) struct Plain<'a, C> {
    w: &'a Quantized<'a>,
    code: PhantomData<C>,
}

impl<'a, C: Code> Plain<'a, C> {
    pub(super) fn new(w: &'a Quantized<'a>) -> Self {
        Self { w, code: PhantomData }
    }
}

impl<C: Code> Right for Plain<'_, C> {
    type Term = Singles;

    fn depth(&self) -> usize {
        self.w.rows()
    }

    fn columns(&self) -> usize {
        self.w.columns
    }

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]) {
        let groups = self.w.columns / self.w.group;
        for (row, to) in rows.zip(to.chunks_exact_mut(width)) {
            let words = self.w.row(row);
            // A vector is never longer than a group.
            for (column, to) in columns.clone().step_by(S::LANES).zip(to.chunks_exact_mut(S::LANES)) {
                let place = row * groups + column / self.w.group;
                let bias = self.w.biases.map_or(0.0, |biases| scales::at(biases, place));
                let scale = s.splat(self.w.scales.at(place));
                s.store(to, s.mul_add(C::values(s, words, column), scale, s.splat(bias)));
            }
        }
    }
}
