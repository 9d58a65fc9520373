//! Matrices of floats as the right side of a product.

use std::ops::Range;

use super::Right;
use crate::numbers::{Float, widen};
use crate::simd::Simd;

/// A matrix `[k, n]`, stored by rows.
pub(crate) struct Plain<'a, T> {
    pub(crate) elements: &'a [T],
    pub(crate) depth: usize,
    pub(crate) columns: usize,
}

/// A matrix `[k, n]`, stored by columns: what stands in a checkpoint, `[n, k]`.
pub(crate) struct Transposed<'a, T> {
    pub(crate) elements: &'a [T],
    pub(crate) depth: usize,
    pub(crate) columns: usize,
}

impl<T: Float> Right for Plain<'_, T> {
    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]) {
        for (row, to) in rows.zip(to.chunks_exact_mut(width)) {
            let first = row * self.columns;
            widen(s, &self.elements[first + columns.start..first + columns.end], to);
        }
    }
}

impl<T: Float> Right for Transposed<'_, T> {
    fn depth(&self) -> usize {
        self.depth
    }

    fn columns(&self) -> usize {
        self.columns
    }

    #[inline(always)]
    fn write<S: Simd>(&self, _: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]) {
        for (at, column) in columns.enumerate() {
            let first = column * self.depth;
            let from = &self.elements[first + rows.start..first + rows.end];
            for (from, to) in from.iter().zip(to.chunks_exact_mut(width)) {
                to[at] = from.to_f32();
            }
        }
    }
}
