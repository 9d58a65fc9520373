//! Matrices stored in a few bits an element.

use std::ffi::CStr;
use std::fmt;

use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Result};

/// How a group of elements shares its scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuantizationMode {
    /// `scale · q + bias` with whole numbers `q`.
    Affine,
    /// OCP microscaling, 4-bit floats with a power-of-two scale for 32.
    Mxfp4,
    /// OCP microscaling, 8-bit floats with a power-of-two scale for 32.
    Mxfp8,
    /// 4-bit floats with an 8-bit float scale for 16.
    Nvfp4,
}

/// A way to store elements in a few bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quantization {
    /// How a group shares its scale.
    pub mode: QuantizationMode,
    /// Bits an element.
    pub bits: i32,
    /// Elements along the last axis that share a scale.
    pub group_size: i32,
}

/// A quantized matrix `[…, rows, columns]`, quantized along the last axis.
#[derive(Clone, Debug)]
pub struct Quantized {
    /// The packed elements: `uint32` `[…, rows, columns · bits / 32]`.
    pub weight: Array,
    /// One scale a group: `[…, rows, columns / group_size]`.
    pub scales: Array,
    /// One offset a group, in affine mode.
    pub biases: Option<Array>,
    /// How it is stored.
    pub scheme: Quantization,
}

impl QuantizationMode {
    const NAMED: [(Self, &str, &CStr); 4] = [
        (Self::Affine, "affine", c"affine"),
        (Self::Mxfp4, "mxfp4", c"mxfp4"),
        (Self::Mxfp8, "mxfp8", c"mxfp8"),
        (Self::Nvfp4, "nvfp4", c"nvfp4"),
    ];

    /// The mode of that name, as checkpoints spell it.
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(_, known, _)| *known == name).map(|&(mode, ..)| mode)
    }

    fn text(self) -> &'static CStr {
        Self::NAMED.iter().find(|(mode, ..)| *mode == self).map_or(c"affine", |&(.., text)| text)
    }
}

impl fmt::Display for Quantization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = self.mode.text().to_string_lossy();
        write!(f, "{mode} {}-bit, groups of {}", self.bits, self.group_size)
    }
}

impl Quantization {
    /// `scale · q + bias` in groups.
    pub const fn affine(bits: i32, group_size: i32) -> Self {
        Self { mode: QuantizationMode::Affine, bits, group_size }
    }
}

impl Quantized {
    /// Quantizes the last axis of `matrix`.
    #[track_caller]
    pub fn of(matrix: &Array, scheme: Quantization) -> Result<Self> {
        let Quantization { mode, bits, group_size } = scheme;
        let parts = raw::quantize(matrix, Some(group_size), Some(bits), mode.text(), None)?;
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(weight), Some(scales)) => Ok(Self { weight, scales, biases: parts.next(), scheme }),
            _ => Err(Error::new(Kind::Mlx, "quantize", "MLX returned too few arrays")),
        }
    }

    /// The elements, in the scales' type or in `dtype`.
    #[track_caller]
    pub fn dequantize(&self, dtype: Option<Dtype>) -> Result<Array> {
        let Quantization { mode, bits, group_size } = self.scheme;
        let biases = self.biases.as_ref();
        raw::dequantize(
            &self.weight,
            &self.scales,
            biases,
            Some(group_size),
            Some(bits),
            mode.text(),
            None,
            dtype,
        )
    }

    /// Rows of the matrix: those that `indices` name along the first axis. See [`Array::take`].
    #[track_caller]
    pub fn take(&self, indices: &Array) -> Result<Self> {
        let rows = |array: &Array| array.take(indices, 0);
        Ok(Self {
            weight: rows(&self.weight)?,
            scales: rows(&self.scales)?,
            biases: self.biases.as_ref().map(rows).transpose()?,
            scheme: self.scheme,
        })
    }
}

impl Array {
    /// `x · wᵀ` with a quantized `w` `[n, k]`: `[…, m, k] -> […, m, n]`.
    #[track_caller]
    pub fn quantized_matmul(&self, w: &Quantized) -> Result<Self> {
        let Quantization { mode, bits, group_size } = w.scheme;
        let biases = w.biases.as_ref();
        raw::quantized_matmul(
            self,
            &w.weight,
            &w.scales,
            biases,
            true,
            Some(group_size),
            Some(bits),
            mode.text(),
        )
    }
}
