//! Taking matrices, quantized or not.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Quantization, QuantizationMode, Quantized};

use crate::layer::Matrix;
use crate::quantization::is_supported;
use crate::weights::{Elements, described};
use crate::{Result, Weights};

impl Weights {
    /// The matrix of `[rows, columns]` at this path.
    ///
    /// It is quantized if it has scales. What the config declares for this very path must agree with that.
    /// Without a checkpoint it is dense, and `init` draws it.
    pub(crate) fn matrix(
        &self,
        shape: [i32; 2],
        init: impl FnOnce(&[i32], &Key) -> mlx_core::Result<Array>,
    ) -> Result<Matrix> {
        let declared = self.checkpoint.quantization.as_ref().and_then(|config| config.layer(&self.path));
        match declared {
            Some(Some(scheme)) => self.quantized(shape, Some(scheme)),
            None if self.contains("scales") => self.quantized(shape, None),
            None | Some(None) => Ok(Matrix::Dense { weight: self.parameter("weight", shape, init)? }),
        }
    }

    fn quantized(&self, shape: [i32; 2], declared: Option<Quantization>) -> Result<Matrix> {
        let [rows, columns] = shape;
        let stored = self.stored_scheme(columns);
        if let (Some(stored), Some(declared)) = (stored, declared)
            && stored != declared
        {
            self.misfit("weight", stored.to_string(), format!("{declared}, as the config declares"));
        }
        let default = || self.checkpoint.quantization.as_ref().map(|config| config.default_scheme());
        let Some(scheme) = stored.or(declared).or_else(default).filter(|&scheme| is_supported(scheme)) else {
            return self.unreadable(shape);
        };

        let affine = scheme.mode == QuantizationMode::Affine;
        let per_group = [rows, columns / scheme.group_size];
        let scales = if affine { Elements::Floats } else { Elements::Only(Dtype::Uint8) };
        Ok(Matrix::Quantized(Quantized {
            weight: self.take(
                "weight",
                &[rows, words(columns, scheme.bits)],
                Elements::Only(Dtype::Uint32),
            )?,
            scales: self.take("scales", &per_group, scales)?,
            biases: affine.then(|| self.take("biases", &per_group, Elements::Floats)).transpose()?,
            scheme,
        }))
    }

    /// The scheme by which `columns` elements take the space that they do.
    fn stored_scheme(&self, columns: i32) -> Option<Quantization> {
        let (weight, scales) = (self.find("weight")?, self.find("scales")?);
        let bits = quotient(weight.shape().last()?.checked_mul(32)?, columns)?;
        let group_size = quotient(columns, *scales.shape().last()?)?;
        let mode = match (scales.dtype(), bits, group_size) {
            (Dtype::Uint8, 4, 32) => QuantizationMode::Mxfp4,
            (Dtype::Uint8, 8, 32) => QuantizationMode::Mxfp8,
            (Dtype::Uint8, 4, 16) => QuantizationMode::Nvfp4,
            _ => QuantizationMode::Affine,
        };
        Some(Quantization { mode, bits, group_size }).filter(|&scheme| is_supported(scheme))
    }

    /// Notes that no scheme makes `shape` of what is stored.
    fn unreadable(&self, shape: [i32; 2]) -> Result<Matrix> {
        let (Some(weight), Some(scales)) = (self.find("weight"), self.find("scales")) else {
            return Ok(Matrix::Dense { weight: self.take("weight", &shape, Elements::Floats)? });
        };
        self.find("biases");
        let found = format!("{} with scales {}", described(weight), described(scales));
        self.misfit("weight", found, format!("a quantized {shape:?}"));
        Ok(Matrix::Dense { weight: Array::zeros(shape, Dtype::Float32)? })
    }
}

/// How many 32-bit words hold `count` elements.
fn words(count: i32, bits: i32) -> i32 {
    (i64::from(count) * i64::from(bits) / 32).try_into().unwrap_or(i32::MAX)
}

/// `a / b`, if it is whole.
fn quotient(a: i32, b: i32) -> Option<i32> {
    (a.checked_rem(b)? == 0).then(|| a / b)
}
