//! Products with quantized matrices.

use mlx_cpu::Level;
use mlx_cpu::quantized::{self, Coding, Scales};

use super::numbers::{Floats, fits, results};
use crate::ffi::raw;
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Error, Kind, Quantization, QuantizationMode, Quantized, Result};

/// `x · wᵀ`, of `x`, words, scales and biases.
struct QuantizedMatmul(Quantization);

/// `x · wᵀ` for a single affine matrix; none if there is no kernel for it.
#[track_caller]
pub(crate) fn quantized_matmul(x: &Array, w: &Quantized) -> Option<Result<Array>> {
    let Quantization { mode, bits, .. } = w.scheme;
    let known = mode == QuantizationMode::Affine && matches!(bits, 2 | 3 | 4 | 6 | 8);
    let biases = w.biases.as_ref()?;
    let floats = [x, &w.scales, biases].iter().all(|array| fits(array.dtype()));
    if !known || !floats || w.weight.ndim() != 2 || !super::is_on() {
        return None;
    }
    Some(super::apply(QuantizedMatmul(w.scheme), [x, &w.weight, &w.scales, biases]))
}

impl Primitive for QuantizedMatmul {
    const NAME: &'static str = "quantized_matmul";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let [x, weight, scales, biases] = inputs else { return Ok(Vec::new()) };
        let [rows, groups] = scales.dims()?;
        let Some((&columns, leading)) = x.shape().split_last() else { return Ok(Vec::new()) };
        if columns != groups.saturating_mul(self.0.group_size) {
            let message = format!("the last axes differ (given x: {x:?}, w: {weight:?} as {})", self.0);
            return Err(Error::new(Kind::Shape, Self::NAME, message));
        }
        let dtype = x.dtype().promote(scales.dtype()).promote(biases.dtype());
        Ok(vec![Spec::new([leading, &[rows]].concat(), dtype)])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([x, weight, scales, biases], [out]) = (inputs, outputs) else {
            return Err("an input is missing".into());
        };
        let (x, scales, biases) = (Floats::of(x)?, Floats::of(scales)?, Floats::of(biases)?);
        let words = weight.values::<u32>()?;
        let group = self.0.group_size.unsigned_abs() as usize;
        let columns =
            scales.numbers().len() * group / weight.shape().first().map_or(1, |&rows| rows.max(1) as usize);
        let w = quantized::Quantized::new(
            &words,
            Scales::Numbers(scales.numbers()),
            Some(biases.numbers()),
            columns,
            group,
            Coding::Affine(self.0.bits.unsigned_abs()),
        );
        let w = w.ok_or("the parts of the matrix do not fit together")?;
        super::checked(quantized::multiply(Level::best(), x.numbers(), &w, results(out)?))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [x, weight, scales, biases] = inputs else { return Ok(Vec::new()) };
        let Quantization { mode, bits, group_size } = self.0;
        let (group_size, bits) = (Some(group_size), Some(bits));
        let biases = Some(biases);
        raw::quantized_matmul(x, weight, scales, biases, true, group_size, bits, mode.text()).map(|y| vec![y])
    }

    fn is_same(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
