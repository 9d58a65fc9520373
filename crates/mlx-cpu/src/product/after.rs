//! What becomes of a product before it is written.

use crate::gate::{self, Activation};
use crate::numbers::Float;
use crate::simd::Simd;

/// `activation(sums + bias) + plus`.
#[derive(Clone, Copy)]
pub(crate) struct After<'a, U> {
    /// A number for each column, if there are any.
    pub(crate) bias: &'a [f32],
    pub(crate) activation: Option<Activation>,
    /// A number for each element of the product, if there are any.
    pub(crate) plus: &'a [U],
}

impl<U: Float> After<'_, U> {
    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self { bias: &[], activation: None, plus: &[] }
    }

    /// Makes of sums in rows of `width`, for the columns from `first` on, what `plus` is added to.
    #[inline(always)]
    pub(crate) fn change<S: Simd>(&self, s: S, first: usize, width: usize, sums: &mut [f32]) {
        let bias = self.bias.get(first..).unwrap_or_default();
        if !bias.is_empty() {
            for sums in sums.chunks_exact_mut(width) {
                for (sums, bias) in sums.chunks_mut(S::LANES).zip(bias.chunks(S::LANES)) {
                    s.store(sums, s.add(s.load(sums), s.load(bias)));
                }
            }
        }
        if let Some(function) = self.activation {
            gate::apply(s, function, sums);
        }
    }

    /// Writes some columns of a row, from element number `first` of the product on.
    #[inline(always)]
    pub(crate) fn write<S: Simd>(&self, s: S, first: usize, sums: &[f32], to: &mut [U]) {
        let plus = self.plus.get(first..).unwrap_or_default();
        let (mut sums, mut plus) = (sums.chunks(S::LANES), plus.chunks(S::LANES));
        for to in to.chunks_mut(S::LANES) {
            let sum = s.load(sums.next().unwrap_or_default());
            let whole = plus.next().map_or(
                sum,
                #[inline(always)]
                |plus| s.add(sum, U::load(s, plus)),
            );
            U::store(s, to, whole);
        }
    }
}
