//! The change of a matrix.

use mlx_core::linalg::{self, Order};
use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Quantized, Result};

use super::Options;
use crate::{Dropout, Matrix, Module};

/// A change of low rank, trained instead of the matrix `[rows, columns]` beside it.
///
/// The arrays have the names and orientation of mlx-lm's.
#[derive(Clone, Debug, Module)]
pub struct Adapter {
    lora_a: Array,
    lora_b: Array,
    /// DoRA's lengths of the rows: `[rows]`.
    m: Option<Array>,
    #[module(skip)]
    options: Options,
    #[module(skip)]
    role: Role,
    dropout: Dropout,
    /// What elements are dropped by, in training.
    #[module(buffer)]
    dropout_key: Option<Array>,
}

/// What the matrix is for, which decides how the factors are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The weight of a linear layer: `lora_a` is `[columns, rank]`, `lora_b` `[rank, rows]`.
    Linear,
    /// A table: `lora_a` is `[rows, rank]`, `lora_b` `[rank, columns]`.
    Table,
}

impl Role {
    /// The shapes of `lora_a` and `lora_b` beside a matrix of `shape`.
    pub(super) fn shapes(self, [rows, columns]: [i32; 2], rank: i32) -> [[i32; 2]; 2] {
        match self {
            Self::Linear => [[columns, rank], [rank, rows]],
            Self::Table => [[rows, rank], [rank, columns]],
        }
    }
}

/// What an adapter keeps in a file.
pub(super) struct Arrays {
    pub(super) lora_a: Array,
    pub(super) lora_b: Array,
    pub(super) m: Option<Array>,
}

impl Arrays {
    /// The arrays by name, for the layer at `path`.
    pub(super) fn named(self, path: &str) -> impl Iterator<Item = (String, Array)> {
        let named = [("lora_a", Some(self.lora_a)), ("lora_b", Some(self.lora_b)), ("m", self.m)];
        named.into_iter().filter_map(move |(name, array)| Some((format!("{path}.{name}"), array?)))
    }
}

impl Adapter {
    /// An adapter for `base` that changes nothing yet.
    pub(super) fn new(base: &Matrix, role: Role, options: Options, key: &Key) -> crate::Result<Self> {
        let [a, b] = role.shapes(base.shape()?, options.rank);
        let [inputs, _] = a;
        let limit = f64::from(inputs).sqrt().recip() as f32;
        let arrays = Arrays {
            lora_a: random::uniform(a, -limit, limit, Dtype::Float32, key)?,
            lora_b: Array::zeros(b, Dtype::Float32)?,
            m: options.magnitudes.then(|| lengths(&base.floats()?.astype(Dtype::Float32)?)).transpose()?,
        };
        Self::of(arrays, role, options)
    }

    pub(super) fn of(arrays: Arrays, role: Role, options: Options) -> crate::Result<Self> {
        let Arrays { lora_a, lora_b, m } = arrays;
        let dropout = Dropout::new(options.dropout)?;
        Ok(Self { lora_a, lora_b, m, options, role, dropout, dropout_key: None })
    }

    pub(super) fn options(&self) -> Options {
        self.options
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn arrays(&self) -> Arrays {
        Arrays { lora_a: self.lora_a.clone(), lora_b: self.lora_b.clone(), m: self.m.clone() }
    }

    /// Drops elements by `key` from now on.
    pub(super) fn drop_by(&mut self, key: &Key) {
        self.dropout_key = Some(key.array().clone());
    }

    /// `x · (w + Δw)ᵀ`, its rows then as long as the magnitudes say: `[…, columns] -> […, rows]`.
    #[track_caller]
    pub(crate) fn project(&self, base: &Matrix, x: &Array) -> Result<Array> {
        let [left, right] = self.factors()?;
        let change = self.dropped(x)?.matmul(right.t())?.matmul(left.t())?;
        let y = (base.project(x)? + (change * self.options.scale)?.astype(x.dtype())?)?;
        match &self.m {
            Some(m) => (m / lengths(&self.changed(base)?)?.stop_gradient()?)?.astype(y.dtype())? * y,
            None => Ok(y),
        }
    }

    /// Those rows of `w + Δw`, as long as the magnitudes say: `[…] -> […, columns]`.
    #[track_caller]
    pub(crate) fn rows(&self, base: &Matrix, indices: &Array) -> Result<Array> {
        let [left, right] = self.factors()?;
        let base = base.rows(indices)?;
        let change = (left.take(indices, 0)?.matmul(right)? * self.options.scale)?;
        let rows = (&base + self.dropped(&change)?.astype(base.dtype())?)?;
        match &self.m {
            Some(m) => {
                let lengths = lengths(&(base + change)?)?.stop_gradient()?;
                (m.take(indices, 0)? / lengths)?.expand_dims(-1)?.astype(rows.dtype())? * rows
            }
            None => Ok(rows),
        }
    }

    /// One matrix that does what `base` and the change do; quantized as `base` if `quantize`.
    pub(super) fn fused(&self, base: &Matrix, quantize: bool) -> Result<Matrix> {
        let dtype = base.floats()?.dtype();
        let weight = (base.floats()? + self.change()?.astype(dtype)?)?;
        let weight = match &self.m {
            Some(m) => ((m / lengths(&weight)?)?.expand_dims(-1)? * weight)?.astype(dtype)?,
            None => weight,
        };
        match base {
            Matrix::Quantized(base) if quantize => Quantized::of(&weight, base.scheme).map(Matrix::from),
            _ => Ok(weight.into()),
        }
    }

    /// `w + Δw`.
    fn changed(&self, base: &Matrix) -> Result<Array> {
        base.floats()? + self.change()?
    }

    /// `Δw`: `[rows, columns]`.
    fn change(&self) -> Result<Array> {
        let [left, right] = self.factors()?;
        (left * self.options.scale)?.matmul(right)
    }

    /// The factors of the change: `[rows, rank]` and `[rank, columns]`.
    fn factors(&self) -> Result<[Array; 2]> {
        match self.role {
            Role::Linear => Ok([self.lora_b.t()?, self.lora_a.t()?]),
            Role::Table => Ok([self.lora_a.clone(), self.lora_b.clone()]),
        }
    }

    fn dropped(&self, x: &Array) -> Result<Array> {
        let mut key = self.dropout_key.clone().map(Key::from_array).transpose()?;
        self.dropout.forward(x, key.as_mut())
    }
}

/// The lengths of the vectors in the last axis.
fn lengths(rows: &Array) -> Result<Array> {
    linalg::norm(rows, Order::Euclidean, -1)
}
