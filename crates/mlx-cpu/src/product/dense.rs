//! Matrices of floats as the sides of a product.

use std::ops::Range;

use super::{Left, Right, square};
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
    fn write<S: Simd>(&self, s: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]) {
        let last = columns.end - 1;
        for first in columns.clone().step_by(S::LANES) {
            let column = |lane: usize| {
                let place = (first + lane).min(last) * self.depth;
                &self.elements[place + rows.start..place + rows.end]
            };
            square::transpose(s, column, width, &mut to[first - columns.start..]);
        }
    }
}

/// A matrix `[m, k]` as the left side, stored by rows.
pub(crate) struct Rows<'a, T> {
    pub(crate) elements: &'a [T],
    pub(crate) depth: usize,
}

impl<T: Float> Left for Rows<'_, T> {
    #[inline(always)]
    fn write<S: Simd>(&self, s: S, row: usize, columns: Range<usize>, to: &mut [f32]) {
        let first = row * self.depth;
        widen(s, &self.elements[first + columns.start..first + columns.end], to);
    }
}
