//! A matrix of weights, dense or quantized, and perhaps adapted.

use mlx_core::{Array, Quantized, Result};

use crate::Module;
use crate::lora::Adapted;

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
    /// Either, with an adapter that is trained in its stead.
    Adapted(Box<Adapted>),
}

/// What a matrix is for, which decides how an adapter of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The weight of a linear layer `[outputs, inputs]`: `lora_a` is `[inputs, rank]`, `lora_b` `[rank, outputs]`.
    Linear,
    /// A table `[tokens, width]`: `lora_a` is `[tokens, rank]`, `lora_b` `[rank, width]`.
    Table,
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
            Self::Adapted(adapted) => adapted.base().shape(),
        }
    }

    /// All elements as floats, without an adapter: `[rows, columns]`.
    #[track_caller]
    pub fn floats(&self) -> Result<Array> {
        match self {
            Self::Dense { weight } => Ok(weight.clone()),
            Self::Quantized(weight) => weight.dequantize(None),
            Self::Adapted(adapted) => adapted.base().floats(),
        }
    }

    /// `x · wᵀ`: `[…, columns] -> […, rows]`.
    #[track_caller]
    pub fn project(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Dense { weight } => x.matmul(weight.t()),
            Self::Quantized(weight) => x.quantized_matmul(weight),
            Self::Adapted(adapted) => adapted.project(x),
        }
    }

    /// The rows that `indices` name, as floats: `[…] -> […, columns]`.
    #[track_caller]
    pub fn rows(&self, indices: &Array) -> Result<Array> {
        match self {
            Self::Dense { weight } => weight.take(indices, 0),
            Self::Quantized(weight) => weight.take(indices)?.dequantize(None),
            Self::Adapted(adapted) => adapted.rows(indices),
        }
    }
}

impl Role {
    /// The shapes of `lora_a` and `lora_b` beside a matrix of `shape`.
    pub(crate) fn shapes(self, [rows, columns]: [i32; 2], rank: i32) -> [[i32; 2]; 2] {
        match self {
            Self::Linear => [[columns, rank], [rank, rows]],
            Self::Table => [[rows, rank], [rank, columns]],
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

impl From<Adapted> for Matrix {
    fn from(weight: Adapted) -> Self {
        Self::Adapted(Box::new(weight))
    }
}
