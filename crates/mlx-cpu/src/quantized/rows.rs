//! Rows of a quantized matrix as floats.

use super::code::{Affine, Code, E2m1, E4m3};
use super::{Coding, Quantized, coded, scales};
use crate::simd::Simd;

impl Quantized<'_> {
    /// Writes a row as singles.
    #[inline(always)]
    pub(crate) fn unpack<S: Simd>(&self, s: S, row: usize, to: &mut [f32]) {
        coded!(self, C => self.unpack_coded::<S, C>(s, row, to));
    }

    #[inline(always)]
    fn unpack_coded<S: Simd, C: Code>(&self, s: S, row: usize, to: &mut [f32]) {
        let (words, first) = (self.row(row), row * (self.columns / self.group));
        for (group, to) in to.chunks_exact_mut(self.group).enumerate() {
            let scale = s.splat(self.scales.at(first + group));
            let bias = s.splat(self.biases.map_or(0.0, |biases| scales::at(biases, first + group)));
            for (part, to) in to.chunks_exact_mut(S::LANES).enumerate() {
                let values = C::values(s, words, group * self.group + part * S::LANES);
                s.store(to, s.mul_add(values, scale, bias));
            }
        }
    }
}
