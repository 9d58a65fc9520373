//! Matrices of floats as the sides of a product.

use std::ops::Range;

use super::{Halves, Left, Right, Singles, square};
use crate::numbers::{Element, Float, Pair, widen};
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
    type Term = Singles;

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

impl<T: Element> Right for Transposed<'_, T> {
    type Term = Singles;

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

/// A matrix `[k, n]` stored by columns, two elements a lane.
pub(crate) struct TransposedPairs<'a>(pub(crate) Transposed<'a, Pair>);

impl Right for TransposedPairs<'_> {
    type Term = Halves;

    fn depth(&self) -> usize {
        self.0.depth()
    }

    fn columns(&self) -> usize {
        self.0.columns()
    }

    #[inline(always)]
    fn write<S: Simd>(&self, s: S, rows: Range<usize>, columns: Range<usize>, width: usize, to: &mut [f32]) {
        self.0.write(s, rows, columns, width, to);
    }
}

/// A matrix `[m, k]` as the left side, stored by rows.
pub(crate) struct Rows<'a, T> {
    pub(crate) elements: &'a [T],
    pub(crate) depth: usize,
}

impl<T: Element> Left for Rows<'_, T> {
    #[inline(always)]
    fn write<S: Simd>(&self, s: S, row: usize, columns: Range<usize>, to: &mut [f32]) {
        let first = row * self.depth;
        widen(s, &self.elements[first + columns.start..first + columns.end], to);
    }
}
