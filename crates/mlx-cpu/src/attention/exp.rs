//! Functions of scores.

use crate::function::tanh;
use crate::simd::Simd;

pub(super) use crate::function::exp;

/// Makes `cap · tanh(x / cap)` of numbers.
#[inline(always)]
pub(super) fn cap<S: Simd>(s: S, cap: f32, numbers: &mut [f32]) {
    let (cap, part_of_cap) = (s.splat(cap), s.splat(1.0 / cap));
    for part in numbers.chunks_mut(S::LANES) {
        s.store(part, s.mul(tanh(s, s.mul(s.load(part), part_of_cap)), cap));
    }
}
