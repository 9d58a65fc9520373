//! Exponentials of vectors.

use crate::simd::Simd;

/// `eˣ` of numbers up to 88; 0 below -88, where singles end to be normal (Moshier, Cephes: `expf`).
#[inline(always)]
pub(super) fn exp<S: Simd>(s: S, x: S::F) -> S::F {
    // Adding 1.5 · 2²³ leaves a whole number in the lowest bits.
    let shift = s.splat(12_582_912.0);
    let x = s.max(s.splat(-88.1), x);
    let shifted = s.mul_add(x, s.splat(std::f32::consts::LOG2_E), shift);
    let power = s.sub(shifted, shift);
    let rest = s.mul_add(power, s.splat(-0.693_359_375), x);
    let rest = s.mul_add(power, s.splat(2.121_944_4e-4), rest);
    let mut sum = s.splat(1.987_569_1e-4);
    for factor in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = s.mul_add(sum, rest, s.splat(factor));
    }
    let sum = s.add(s.mul_add(s.mul(sum, rest), rest, rest), s.splat(1.0));
    let exponent = s.add_int(s.shift_left(s.to_bits(shifted), s.splat_int(23)), s.splat_int(127 << 23));
    s.mul(sum, s.from_bits(exponent))
}

/// Makes `cap · tanh(x / cap)` of numbers.
#[inline(always)]
pub(super) fn cap<S: Simd>(s: S, cap: f32, numbers: &mut [f32]) {
    let (one, two) = (s.splat(1.0), s.splat(2.0));
    for part in numbers.chunks_mut(S::LANES) {
        let twice = s.min(s.splat(80.0), s.mul(s.load(part), s.splat(2.0 / cap)));
        let tanh = s.sub(one, s.div(two, s.add(exp(s, twice), one)));
        s.store(part, s.mul(tanh, s.splat(cap)));
    }
}
