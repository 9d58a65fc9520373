//! A matrix of weights, dense or quantized.

use mlx_core::{Array, Quantized, Result};

use crate::Module;

/// Weights of `[rows, columns]`, as floats or in a few bits each.
#[derive(Clone, Debug, Module)]
pub enum Matrix {
    /// Floats.
    Dense {
        /// All of them: `[rows, columns]`.
        weight: Array,
    },
    /// A few bits each, with scales for groups along a row.
    Quantized(Quantized),
}

impl Matrix {
    /// The numbers of rows and columns.
    pub fn shape(&self) -> Result<[i32; 2]> {
        match self {
            Self::Dense { weight } => weight.dims(),
            Self::Quantized(Quantized { scales, scheme, .. }) => {
                let [rows, groups] = scales.dims()?;
                Ok([rows, groups.saturating_mul(scheme.group_size)])
            }
        }
    }

    /// All elements as floats: `[rows, columns]`.
    #[track_caller]
    pub fn floats(&self) -> Result<Array> {
        match self {
            Self::Dense { weight } => Ok(weight.clone()),
            Self::Quantized(weight) => weight.dequantize(None),
        }
    }

    /// `x · wᵀ`: `[…, columns] -> […, rows]`.
    #[track_caller]
    pub fn project(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Dense { weight } => x.matmul(weight.t()),
            Self::Quantized(weight) => x.quantized_matmul(weight),
        }
    }

    /// The rows that `indices` name, as floats: `[…] -> […, columns]`.
    #[track_caller]
    pub fn rows(&self, indices: &Array) -> Result<Array> {
        match self {
            Self::Dense { weight } => weight.take(indices, 0),
            Self::Quantized(weight) => weight.take(indices)?.dequantize(None),
        }
    }
}

impl From<Array> for Matrix {
    fn from(weight: Array) -> Self {
        Self::Dense { weight }
    }
}

impl From<Quantized> for Matrix {
    fn from(weight: Quantized) -> Self {
        Self::Quantized(weight)
    }
}
