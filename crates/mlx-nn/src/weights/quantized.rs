//! Taking matrices, quantized or not.

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, Quantization, QuantizationMode, Quantized};

use crate::layer::Matrix;
use crate::quantization::is_supported;
use crate::weights::{Elements, described};
use crate::{Result, Weights};

impl Weights {
    /// The matrix of `[rows, columns]`, or the stack of such, at this path.
    ///
    /// It is quantized if it has scales. What the config declares for this very path must agree with that.
    /// Without a checkpoint it is dense, and `init` draws it.
    pub(crate) fn matrix(
        &self,
        shape: impl AsRef<[i32]>,
        init: impl FnOnce(&[i32], &Key) -> mlx_core::Result<Array>,
    ) -> Result<Matrix> {
        let shape = shape.as_ref();
        let declared = self.checkpoint.quantization.as_ref().and_then(|config| config.layer(&self.path));
        match declared {
            Some(Some(scheme)) => self.quantized(shape, Some(scheme)),
            None if self.contains("scales") => self.quantized(shape, None),
            None | Some(None) => Ok(Matrix::Dense { weight: self.parameter("weight", shape, init)? }),
        }
    }

    fn quantized(&self, shape: &[i32], declared: Option<Quantization>) -> Result<Matrix> {
        let Some((&columns, rows)) = shape.split_last() else { return self.unreadable(shape) };
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
        let with_columns = |columns: i32| [rows, &[columns]].concat();
        let per_group = with_columns(columns / scheme.group_size);
        let scales = if affine { Elements::Floats } else { Elements::Only(Dtype::Uint8) };
        Ok(Matrix::Quantized(Quantized {
            weight: self.take(
                "weight",
                &with_columns(words(columns, scheme.bits)),
                Elements::Only(Dtype::Uint32),
            )?,
            scales: self.take("scales", &per_group, scales)?,
            biases: affine.then(|| self.take("biases", &per_group, Elements::Floats)).transpose()?,
            scheme,
            precision: self.precision,
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
    fn unreadable(&self, shape: &[i32]) -> Result<Matrix> {
        let (Some(weight), Some(scales)) = (self.find("weight"), self.find("scales")) else {
            return Ok(Matrix::Dense { weight: self.take("weight", shape, Elements::Floats)? });
        };
        self.find("biases");
        let found = format!("{} with scales {}", described(weight), described(scales));
        self.misfit("weight", found, format!("a quantized {shape:?}"));
        Ok(Matrix::Dense { weight: Array::zeros(shape, Dtype::Float32)? })
    }
}

impl Matrix {
    /// The matrices of `[rows, columns]` at the paths of `scopes`, as one stack.
    ///
    /// They are to be stored in one way, that of the first.
    pub fn gathered(scopes: &[Weights], shape: [i32; 2]) -> Result<Self> {
        let matrices = scopes.iter().map(|w| Self::load(w, shape)).collect::<Result<Vec<_>>>()?;
        if let Some(stack) = Self::stacked(&matrices)? {
            return Ok(stack);
        }
        let first = matrices.first().map(form).unwrap_or_default();
        for (w, matrix) in scopes.iter().zip(&matrices) {
            if form(matrix) != first && w.contains("weight") {
                w.misfit("weight", form(matrix), format!("{first}, as the first of the stack is"));
            }
        }
        let [rows, columns] = shape;
        let count = i32::try_from(scopes.len()).unwrap_or(i32::MAX);
        Ok(Array::zeros([count, rows, columns], Dtype::Float32)?.into())
    }
}

/// How a matrix is stored, in words.
fn form(matrix: &Matrix) -> String {
    match matrix {
        Matrix::Dense { .. } => "floats".to_owned(),
        Matrix::Quantized(Quantized { scheme, .. }) => scheme.to_string(),
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
