//! Rows of a quantized matrix as floats.

use super::code::{Affine, Code};
use super::{Coding, Quantized, scales};
use crate::simd::Simd;

impl Quantized<'_> {
    /// Writes a row as singles.
    #[inline(always)]
    pub(crate) fn unpack<S: Simd>(&self, s: S, row: usize, to: &mut [f32]) {
        match self.coding {
            Coding::Affine(2) => self.unpack_coded::<S, Affine<2>>(s, row, to),
            Coding::Affine(3) => self.unpack_coded::<S, Affine<3>>(s, row, to),
            Coding::Affine(4) => self.unpack_coded::<S, Affine<4>>(s, row, to),
            Coding::Affine(6) => self.unpack_coded::<S, Affine<6>>(s, row, to),
            Coding::Affine(_) => self.unpack_coded::<S, Affine<8>>(s, row, to),
        }
    }

    #[inline(always)]
    fn unpack_coded<S: Simd, C: Code>(&self, s: S, row: usize, to: &mut [f32]) {
        let (words, first) = (self.row(row), row * (self.columns / self.group));
        for (group, to) in to.chunks_exact_mut(self.group).enumerate() {
            let scale = s.splat(self.scales.at(first + group));
            let bias = s.splat(self.biases.map_or(0.0, |biases| scales::at(biases, first + group)));
            let unit = group * self.group / C::COUNT;
            for (part, to) in to.chunks_mut(C::COUNT * S::LANES).enumerate() {
                let units = C::units(s, words, unit + part * S::LANES);
                for (number, to) in to.chunks_exact_mut(S::LANES).enumerate() {
                    s.store(to, s.mul_add(C::consecutive(s, units, number), scale, bias));
                }
            }
        }
    }
}
