//! A matrix of weights, dense or quantized, or a stack of such.

use mlx_core::{
    Array, Device, Dtype, Index, MatrixIndices, Quantized, QuantizedFactor, Result, Slice, stack,
};

use crate::{Module, Weights, init};

/// Weights of `[rows, columns]`, or a stack of `[count, rows, columns]`, as floats or in a few bits each.
#[derive(Clone, Debug, Module)]
pub enum Matrix {
    /// Floats.
    Dense {
        /// All of them: `[…, rows, columns]`.
        weight: Array,
    },
    /// A few bits each, with scales for groups along a row.
    Quantized(Quantized),
}

impl Matrix {
    /// What is at the path of `w`, dense or quantized as stored: `[rows, columns]`, or a stack of such.
    pub fn load(w: &Weights, shape: impl AsRef<[i32]>) -> crate::Result<Self> {
        let shape = shape.as_ref();
        let columns = shape.last().copied().unwrap_or(1);
        w.matrix(shape, init::within_root(columns))
    }

    /// Matrices of one shape as a stack; none if they are not all stored in one way.
    pub(crate) fn stacked(matrices: &[Self]) -> Result<Option<Self>> {
        let mut dense = Vec::new();
        let mut quantized = Vec::new();
        for matrix in matrices {
            match matrix {
                Self::Dense { weight } => dense.push(weight),
                Self::Quantized(matrix) => quantized.push(matrix),
            }
        }
        let Some(&&Quantized { scheme, precision, .. }) = quantized.first() else {
            return Ok(Some(Self::Dense { weight: stack(dense, 0)? }));
        };
        if !dense.is_empty() || quantized.iter().any(|matrix| matrix.scheme != scheme) {
            return Ok(None);
        }
        let biases: Vec<_> = quantized.iter().filter_map(|matrix| matrix.biases.as_ref()).collect();
        Ok(Some(Self::Quantized(Quantized {
            weight: stack(quantized.iter().map(|matrix| &matrix.weight), 0)?,
            scales: stack(quantized.iter().map(|matrix| &matrix.scales), 0)?,
            biases: if biases.is_empty() { None } else { Some(stack(biases, 0)?) },
            scheme,
            precision,
        })))
    }

    /// `[count · rows, columns]` as a stack of `[count, rows, columns]`, stored in the same way.
    #[track_caller]
    pub fn split(&self, count: i32) -> Result<Self> {
        self.each(|array| array.unflatten(0, [count, -1]))
    }

    /// Some of the rows as a matrix of their own, stored in the same way.
    #[track_caller]
    pub fn part(&self, rows: impl Into<Slice>) -> Result<Self> {
        let rows = rows.into();
        self.each(|array| array.index((Index::Ellipsis, rows, ..))?.contiguous(false))
    }

    /// What `change` makes of each array, all of which have the same rows.
    fn each(&self, change: impl Fn(&Array) -> Result<Array>) -> Result<Self> {
        Ok(match self {
            Self::Dense { weight } => Self::Dense { weight: change(weight)? },
            Self::Quantized(matrix) => Self::Quantized(Quantized {
                weight: change(&matrix.weight)?,
                scales: change(&matrix.scales)?,
                biases: matrix.biases.as_ref().map(change).transpose()?,
                scheme: matrix.scheme,
                precision: matrix.precision,
            }),
        })
    }

    /// The numbers of rows and columns of a single matrix.
    pub fn shape(&self) -> Result<[i32; 2]> {
        match self {
            Self::Dense { weight } => weight.dims(),
            Self::Quantized(Quantized { scales, scheme, .. }) => {
                let [rows, groups] = scales.dims()?;
                Ok([rows, groups.saturating_mul(scheme.group_size)])
            }
        }
    }

    /// All elements as floats: `[…, rows, columns]`.
    #[track_caller]
    pub fn floats(&self) -> Result<Array> {
        match self {
            Self::Dense { weight } => Ok(weight.clone()),
            Self::Quantized(weight) => weight.dequantize(None),
        }
    }

    /// `x · wᵀ`: `[…, columns] -> […, rows]`. A stack takes `[…, count, length, columns]`, for each its own.
    #[track_caller]
    pub fn project(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Dense { weight } => x.matmul(weight.swapaxes(-1, -2)?),
            Self::Quantized(weight) => x.quantized_matmul(weight),
        }
    }

    /// `x · w`: `[…, rows] -> […, columns]`. A stack takes `[…, count, length, rows]`, for each its own.
    #[track_caller]
    pub fn project_back(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Dense { weight } => x.matmul(weight),
            Self::Quantized(weight) => x.quantized_matmul(QuantizedFactor { weight, transpose: false }),
        }
    }

    /// `x · wᵀ` with those of a stack that `chosen` names: `[…, length, columns] -> […, length, rows]`, where the
    /// leading axes of `x` broadcast with `chosen`. No other matrix is read.
    ///
    /// `sorted` says that `chosen` ascends, of which a GPU makes use.
    #[track_caller]
    pub fn project_chosen(&self, x: &Array, chosen: &Array, sorted: bool) -> Result<Array> {
        let indices = MatrixIndices { rhs: Some(chosen), sorted, ..MatrixIndices::default() };
        let weight = match self {
            Self::Quantized(weight) => return x.gather_qmm(weight, indices),
            Self::Dense { weight } => weight,
        };
        // A CPU widens all that it is given.
        let widens = weight.dtype() != Dtype::Float32 && Device::current().is_cpu();
        if widens && chosen.size() < weight.dim(0)?.unsigned_abs() as usize {
            let few = weight.take(&chosen.flatten(0, -1)?, 0)?;
            let chosen = Array::arange(0..few.dim(0)?)?.reshape(chosen.shape())?;
            return Self::Dense { weight: few }.project_chosen(x, &chosen, sorted);
        }
        x.gather_mm(&weight.swapaxes(-1, -2)?, indices)
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
