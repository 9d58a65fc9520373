//! Matrices stored in a few bits an element.

use std::ffi::CStr;
use std::fmt;

use crate::ffi::raw;
use crate::{Array, Dtype, Error, Kind, Precision, Result};

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
///
/// ```
/// use mlx_core::{Array, Dtype, Quantization, Quantized};
///
/// let w = Quantized::of(&Array::ones([8, 64], Dtype::Float32)?, Quantization::affine(4, 64))?;
/// let y = Array::ones([1, 64], Dtype::Float32)?.quantized_matmul(&w)?;
/// assert_eq!(y.shape(), [1, 8]);
/// # Ok::<(), mlx_core::Error>(())
/// ```
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
    /// How products with it are computed on a CPU.
    pub precision: Precision,
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

    /// Its name, as checkpoints spell it.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(mode, ..)| *mode == self).map_or("affine", |&(_, name, _)| name)
    }

    pub(crate) fn text(self) -> &'static CStr {
        Self::NAMED.iter().find(|(mode, ..)| *mode == self).map_or(c"affine", |&(.., text)| text)
    }
}

impl fmt::Display for Quantization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}-bit, groups of {}", self.mode.name(), self.bits, self.group_size)
    }
}

impl Quantization {
    /// Checks that MLX has kernels for this: where it has none, it fails after the result is said to be there.
    #[track_caller]
    fn check(self, op: &'static str) -> Result<()> {
        let known = match self.mode {
            QuantizationMode::Affine => {
                matches!(self.bits, 2..=6 | 8) && matches!(self.group_size, 32 | 64 | 128)
            }
            QuantizationMode::Mxfp4 => (self.bits, self.group_size) == (4, 32),
            QuantizationMode::Mxfp8 => (self.bits, self.group_size) == (8, 32),
            QuantizationMode::Nvfp4 => (self.bits, self.group_size) == (4, 16),
        };
        if known { Ok(()) } else { Err(Error::new(Kind::Mlx, op, format!("MLX does not know {self}"))) }
    }

    const NVFP4: Self = Self { mode: QuantizationMode::Nvfp4, bits: 4, group_size: 16 };

    /// `scale · q + bias` in groups.
    pub const fn affine(bits: i32, group_size: i32) -> Self {
        Self { mode: QuantizationMode::Affine, bits, group_size }
    }
}

impl Quantized {
    /// A matrix of these parts, products with which are exact.
    pub fn new(weight: Array, scales: Array, biases: Option<Array>, scheme: Quantization) -> Self {
        Self { weight, scales, biases, scheme, precision: Precision::Exact }
    }

    /// Quantizes the last axis of `matrix`.
    #[track_caller]
    pub fn of(matrix: &Array, scheme: Quantization) -> Result<Self> {
        Self::packed(matrix, scheme, None)
    }

    /// Quantizes the last axis of `matrix` to nvfp4, with scales relative to `global_scale`: the greatest magnitude
    /// of the whole, a `float32`.
    #[track_caller]
    pub fn of_scaled(matrix: &Array, global_scale: &Array) -> Result<Self> {
        Self::packed(matrix, Quantization::NVFP4, Some(global_scale))
    }

    #[track_caller]
    fn packed(matrix: &Array, scheme: Quantization, global_scale: Option<&Array>) -> Result<Self> {
        scheme.check("quantize")?;
        refuse_double(matrix, "quantize")?;
        let Quantization { mode, bits, group_size } = scheme;
        let parts = raw::quantize(matrix, Some(group_size), Some(bits), mode.text(), global_scale)?;
        let mut parts = parts.into_iter();
        match (parts.next(), parts.next()) {
            (Some(weight), Some(scales)) => Ok(Self::new(weight, scales, parts.next(), scheme)),
            _ => Err(Error::new(Kind::Mlx, "quantize", "MLX returned too few arrays")),
        }
    }

    /// The elements, in the scales' type or in `dtype`.
    #[track_caller]
    pub fn dequantize(&self, dtype: Option<Dtype>) -> Result<Array> {
        self.unpacked(None, dtype)
    }

    /// The elements of what [`of_scaled`](Self::of_scaled) made with the same `global_scale`.
    #[track_caller]
    pub fn dequantize_scaled(&self, global_scale: &Array, dtype: Option<Dtype>) -> Result<Array> {
        self.unpacked(Some(global_scale), dtype)
    }

    #[track_caller]
    pub(super) fn unpacked(&self, global_scale: Option<&Array>, dtype: Option<Dtype>) -> Result<Array> {
        self.check("dequantize")?;
        let Quantization { mode, bits, group_size } = self.scheme;
        let (group_size, bits, biases) = (Some(group_size), Some(bits), self.biases.as_ref());
        let (weight, scales) = (&self.weight, &self.scales);
        raw::dequantize(weight, scales, biases, group_size, bits, mode.text(), global_scale, dtype)
    }

    /// Rows of the matrix: those that `indices` name along the first axis. See [`Array::take`].
    #[track_caller]
    pub fn take(&self, indices: &Array) -> Result<Self> {
        let biases = match &self.biases {
            Some(biases) => Some(biases.take(indices, 0)?),
            None => None,
        };
        let (weight, scales) = (self.weight.take(indices, 0)?, self.scales.take(indices, 0)?);
        Ok(Self { weight, scales, biases, scheme: self.scheme, precision: self.precision })
    }

    /// Checks that the parts belong together: MLX reads past the end of parts that do not.
    #[track_caller]
    pub(super) fn check(&self, op: &'static str) -> Result<()> {
        self.scheme.check(op)?;
        let Quantization { mode, bits, group_size } = self.scheme;
        let (weight, scales) = (self.weight.shape(), self.scales.shape());
        let fits = match (weight.split_last(), scales.split_last()) {
            (Some((&words, rows)), Some((&groups, scale_rows))) => {
                let (packed, wanted) =
                    (i64::from(words) * 32, i64::from(groups) * i64::from(group_size * bits));
                !rows.is_empty() && rows == scale_rows && packed == wanted
            }
            _ => false,
        };
        let affine = mode == QuantizationMode::Affine;
        let typed = self.weight.dtype() == Dtype::Uint32 && (affine || self.scales.dtype() == Dtype::Uint8);
        let shifted = self.biases.as_ref().map(Array::shape) == affine.then_some(scales);
        if fits && typed && shifted {
            return Ok(());
        }
        let biases = self.biases.as_ref();
        let message = format!(
            "weight {:?}, scales {:?} and biases {biases:?} are not {}",
            self.weight, self.scales, self.scheme
        );
        Err(Error::new(Kind::Shape, op, message))
    }
}

#[track_caller]
pub(super) fn refuse_double(array: &Array, op: &'static str) -> Result<()> {
    match array.dtype() {
        Dtype::Float64 => Err(Error::new(Kind::Dtype, op, "float64 is too wide: convert it with astype")),
        _ => Ok(()),
    }
}
