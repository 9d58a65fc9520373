//! Products with matrices stored in a few bits an element.

use super::matmul::refuse_long;
use super::quantize::refuse_double;
use crate::ffi::raw;
use crate::{
    Array, Device, Dtype, Error, Kind, MatrixIndices, Quantization, QuantizationMode, Quantized, Result, cpu,
};

/// The right side of a quantized product; a [`Quantized`] alone is transposed.
#[derive(Clone, Copy, Debug)]
pub struct QuantizedFactor<'a> {
    /// The matrix.
    pub weight: &'a Quantized,
    /// Multiply with `wᵀ`, as `w` is `[out, in]` in a checkpoint.
    pub transpose: bool,
}

impl<'a> From<&'a Quantized> for QuantizedFactor<'a> {
    fn from(weight: &'a Quantized) -> Self {
        Self { weight, transpose: true }
    }
}

/// The greatest magnitudes to which the scales of two nvfp4 matrices are relative, as `float32`.
#[derive(Clone, Copy, Debug)]
pub struct GlobalScales<'a> {
    /// That of the left side.
    pub x: &'a Array,
    /// That of the right side: see [`Quantized::of_scaled`].
    pub w: &'a Array,
}

impl Array {
    /// `x · wᵀ` with a quantized `w` `[n, k]`: `[…, m, k] -> […, m, n]`; or `x · w`, as a [`QuantizedFactor`] says.
    #[track_caller]
    pub fn quantized_matmul<'a>(&self, w: impl Into<QuantizedFactor<'a>>) -> Result<Self> {
        let factor = w.into();
        let QuantizedFactor { weight: w, transpose } = factor;
        factor.check(self, "quantized_matmul")?;
        if self.size() == 0 || w.weight.size() == 0 || w.weight.ndim() > self.ndim().max(2) {
            return self.matmul(&factor.dense(self.dtype())?);
        }
        if let Some(product) = cpu::quantized_matmul(self, factor) {
            return product;
        }
        let Quantization { mode, bits, group_size } = w.scheme;
        let (group_size, bits, biases) = (Some(group_size), Some(bits), w.biases.as_ref());
        raw::quantized_matmul(self, &w.weight, &w.scales, biases, transpose, group_size, bits, mode.text())
    }

    /// [`quantized_matmul`](Self::quantized_matmul) with each of some matrices `[n, k]`, which on a CPU is one op.
    #[track_caller]
    pub fn quantized_matmul_each(&self, matrices: &[&Quantized]) -> Result<Vec<Self>> {
        for &w in matrices {
            QuantizedFactor::from(w).check(self, "quantized_matmul")?;
        }
        let is_empty = self.size() == 0 || matrices.iter().any(|w| w.weight.size() == 0);
        if !is_empty && let Some(products) = cpu::quantized_matmul_each(self, matrices) {
            return products;
        }
        let mut products = Vec::new();
        for &w in matrices {
            products.push(self.quantized_matmul(w)?);
        }
        Ok(products)
    }

    /// Products of chosen matrices of a batch `[…, m, k]` with chosen quantized ones, as
    /// [`gather_mm`](Self::gather_mm) has them.
    #[track_caller]
    pub fn gather_qmm<'a>(
        &self,
        w: impl Into<QuantizedFactor<'a>>,
        indices: MatrixIndices<'_>,
    ) -> Result<Self> {
        let factor = w.into();
        let QuantizedFactor { weight: w, transpose } = factor;
        factor.check(self, "gather_qmm")?;
        if self.size() == 0 || w.weight.size() == 0 {
            return self.gather_mm(&factor.dense(self.dtype())?, indices);
        }
        for part in [self, &w.weight] {
            refuse_long(part, "gather_qmm")?;
        }
        let (lhs, rhs) = indices.within(self, &w.weight, "gather_qmm")?;
        if transpose && let Some(product) = cpu::gather_qmm(self, w, lhs.as_ref(), rhs.as_ref()) {
            return product;
        }
        let Quantization { mode, bits, group_size } = w.scheme;
        let product = raw::gather_qmm(
            self,
            &w.weight,
            &w.scales,
            w.biases.as_ref(),
            lhs.as_ref(),
            rhs.as_ref(),
            transpose,
            Some(group_size),
            Some(bits),
            mode.text(),
            indices.sorted,
        )?;
        refuse_long(&product, "gather_qmm")?;
        Ok(product)
    }

    /// `x̂ · wᵀ`, where `x̂` is `x` `[…, m, k]` quantized as `w` `[n, k]` is: any scheme but affine ones.
    ///
    /// The CPU multiplies the dequantized matrices.
    #[track_caller]
    pub fn qqmm(&self, w: &Quantized, scales: Option<GlobalScales<'_>>) -> Result<Self> {
        w.check_both(self, scales, "qqmm")?;
        if Device::current().is_cpu() || self.size() == 0 || w.weight.size() == 0 {
            let (x, w) = w.both_dense(self, scales)?;
            return x.matmul(&w);
        }
        let Quantization { mode, bits, group_size } = w.scheme;
        let (x_scale, w_scale) = (scales.map(|scales| scales.x), scales.map(|scales| scales.w));
        let (group_size, bits) = (Some(group_size), Some(bits));
        raw::qqmm(self, &w.weight, Some(&w.scales), group_size, bits, mode.text(), x_scale, w_scale)
    }

    /// [`qqmm`](Self::qqmm) of chosen matrices of two batches, as [`gather_mm`](Self::gather_mm) has them.
    #[track_caller]
    pub fn gather_qqmm(
        &self,
        w: &Quantized,
        indices: MatrixIndices<'_>,
        scales: Option<GlobalScales<'_>>,
    ) -> Result<Self> {
        w.check_both(self, scales, "gather_qqmm")?;
        if Device::current().is_cpu() || self.size() == 0 || w.weight.size() == 0 {
            let (x, w) = w.both_dense(self, scales)?;
            return x.gather_mm(&w, indices);
        }
        let (lhs, rhs) = indices.within(self, &w.weight, "gather_qqmm")?;
        let Quantization { mode, bits, group_size } = w.scheme;
        raw::gather_qqmm(
            self,
            &w.weight,
            Some(&w.scales),
            lhs.as_ref(),
            rhs.as_ref(),
            Some(group_size),
            Some(bits),
            mode.text(),
            scales.map(|scales| scales.x),
            scales.map(|scales| scales.w),
            indices.sorted,
        )
    }
}

impl QuantizedFactor<'_> {
    /// Checks the parts of the matrix, and that all types have kernels.
    #[track_caller]
    fn check(self, x: &Array, op: &'static str) -> Result<()> {
        self.weight.check(op)?;
        let parts = [Some(x), Some(&self.weight.scales), self.weight.biases.as_ref()];
        for array in parts.into_iter().flatten() {
            refuse_double(array, op)?;
        }
        Ok(())
    }

    /// The matrix as it stands in the product.
    #[track_caller]
    fn dense(self, dtype: Dtype) -> Result<Array> {
        let dense = self.weight.dequantize(Some(dtype))?;
        if self.transpose { dense.swapaxes(-1, -2) } else { Ok(dense) }
    }
}

impl Quantized {
    /// Checks what [`Array::qqmm`] takes.
    #[track_caller]
    fn check_both(&self, x: &Array, scales: Option<GlobalScales<'_>>, op: &'static str) -> Result<()> {
        QuantizedFactor::from(self).check(x, op)?;
        let mode = self.scheme.mode;
        let wrong = match scales {
            _ if mode == QuantizationMode::Affine => "affine matrices have no such product",
            Some(_) if mode != QuantizationMode::Nvfp4 => "global scales belong to nvfp4",
            _ if !x.dtype().is_float() => "takes real numbers",
            _ if x.shape().last()
                != self.scales.shape().last().map(|&n| n * self.scheme.group_size).as_ref() =>
            {
                "the last axes differ"
            }
            _ => return Ok(()),
        };
        Err(Error::new(Kind::Shape, op, format!("{wrong} (given x: {x:?}, w: {self:?})")))
    }

    /// Both sides of [`Array::qqmm`] as matrices to multiply.
    #[track_caller]
    fn both_dense(&self, x: &Array, scales: Option<GlobalScales<'_>>) -> Result<(Array, Array)> {
        let dtype = Some(x.dtype());
        let rows = if x.ndim() < 2 { x.reshape([1, -1])? } else { x.clone() };
        let quantized = match scales {
            Some(scales) => Self::of_scaled(&rows, scales.x)?,
            None => Self::of(&rows, self.scheme)?,
        };
        let left = quantized.unpacked(scales.map(|scales| scales.x), dtype)?.reshape(x.shape())?;
        let right = self.unpacked(scales.map(|scales| scales.w), dtype)?.swapaxes(-1, -2)?;
        Ok((left, right))
    }
}
