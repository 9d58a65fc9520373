//! Elements as they are.

#![expect(clippy::indexing_slicing, reason = "within the memory that is lent for it")]

use std::marker::PhantomData;

use super::Terms;
use crate::quantized::code::Code;
use crate::simd::Simd;

/// Products of codes with elements, in singles.
pub(super) struct Floats<C>(PhantomData<C>);

impl<C: Code> Terms for Floats<C> {
    const BITS: usize = C::BITS;
    const VECTORS: usize = C::COUNT;
    const SCALED: bool = false;

    fn words(lanes: usize) -> usize {
        C::words(lanes)
    }

    // Chains of sums run side by side, so that one need not wait for the one before: as many as there are registers for.
    #[inline(always)]
    fn products<S: Simd, const N: usize>(s: S, words: &[u32], x: &[f32]) -> [S::F; N] {
        let chains = if N == 1 { 4 } else { 2 };
        let units = C::units(s, words);
        let mut sums = [[s.splat(0.0); 4]; N];
        for code in 0..C::COUNT {
            let value = C::raw(s, units, code);
            for (n, sums) in sums.iter_mut().enumerate() {
                let x = s.load(&x[(n * C::COUNT + code) * S::LANES..]);
                sums[code % chains] = s.mul_add(value, x, sums[code % chains]);
            }
        }
        sums.map(
            #[inline(always)]
            |[a, b, c, d]| if N == 1 { s.add(s.add(a, b), s.add(c, d)) } else { s.add(a, b) },
        )
    }

    #[inline(always)]
    fn lay<S: Simd>(_s: S, x: &[f32], [stride, vector]: [usize; 2], to: &mut [f32]) {
        for (unit, x) in x.chunks_exact(C::COUNT).enumerate() {
            let first = unit / S::LANES * stride + unit % S::LANES;
            for (at, x) in x.iter().enumerate() {
                to[first + at * vector] = x * C::factor(at);
            }
        }
    }

    #[inline(always)]
    fn round<S: Simd>(s: S, x: &mut [f32]) -> [f32; 2] {
        let mut total = s.splat(0.0);
        for x in x.chunks(S::LANES) {
            total = s.add(total, s.load(x));
        }
        [1.0, s.sum(total)]
    }
}
