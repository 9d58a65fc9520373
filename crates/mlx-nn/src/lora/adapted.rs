//! A matrix with an adapter.

use mlx_core::linalg::{self, Order};
use mlx_core::random::{self, Key};
use mlx_core::{Array, Dtype, Quantized, Result};

use crate::lora::Options;
use crate::{Matrix, Module, Role};

/// A matrix `[rows, columns]` that stays as it is, and a change of low rank that is trained in its stead.
///
/// The arrays have the names and orientation of mlx-lm's.
#[derive(Clone, Debug, Module)]
pub struct Adapted {
    #[module(flatten)]
    base: Matrix,
    lora_a: Array,
    lora_b: Array,
    /// DoRA's lengths of the rows: `[rows]`.
    m: Option<Array>,
    scale: f32,
    dropout: f32,
    #[module(skip)]
    role: Role,
    /// What elements are dropped by, in training.
    #[module(skip)]
    key: Option<Key>,
}

/// The arrays of an adapter, without what they change.
pub(super) struct Arrays {
    pub(super) lora_a: Array,
    pub(super) lora_b: Array,
    pub(super) m: Option<Array>,
}

impl Arrays {
    /// The arrays by name, beside the matrix of the layer at `path`.
    pub(super) fn named(self, path: &str) -> impl Iterator<Item = (String, Array)> {
        let named = [("lora_a", Some(self.lora_a)), ("lora_b", Some(self.lora_b)), ("m", self.m)];
        named.into_iter().filter_map(move |(name, array)| Some((format!("{path}.{name}"), array?)))
    }
}

impl Adapted {
    /// An adapter that changes nothing yet.
    pub(super) fn new(base: Matrix, role: Role, options: &Options, key: &Key) -> crate::Result<Self> {
        let shape = base.shape()?;
        let [a, b] = role.shapes(shape, options.rank);
        let limit = f64::from(a[0]).sqrt().recip() as f32;
        let arrays = Arrays {
            lora_a: random::uniform(a, -limit, limit, Dtype::Float32, key)?,
            lora_b: Array::zeros(b, Dtype::Float32)?,
            m: options.magnitudes.then(|| lengths(&base.floats()?.astype(Dtype::Float32)?)).transpose()?,
        };
        Ok(Self::of(base, role, arrays, options.scale, options.dropout))
    }

    pub(super) fn of(base: Matrix, role: Role, arrays: Arrays, scale: f32, dropout: f32) -> Self {
        let Arrays { lora_a, lora_b, m } = arrays;
        Self { base, lora_a, lora_b, m, scale, dropout, role, key: None }
    }

    /// The matrix under the adapter.
    pub fn base(&self) -> &Matrix {
        &self.base
    }

    pub(super) fn arrays(&self) -> Arrays {
        Arrays { lora_a: self.lora_a.clone(), lora_b: self.lora_b.clone(), m: self.m.clone() }
    }

    pub(super) fn into_base(self) -> Matrix {
        self.base
    }

    /// The settings that this adapter was made with.
    pub fn options(&self) -> Result<Options> {
        let rank = self.lora_a.dim(-1)?;
        Ok(Options { rank, scale: self.scale, dropout: self.dropout, magnitudes: self.m.is_some() })
    }

    /// The same adapter, which drops elements by `key`, or none.
    pub(super) fn dropping(self, key: Option<Key>) -> Self {
        Self { key, ..self }
    }

    /// `x · (w + Δw)ᵀ`, its rows then as long as the magnitudes say: `[…, columns] -> […, rows]`.
    #[track_caller]
    pub(crate) fn project(&self, x: &Array) -> Result<Array> {
        let [left, right] = self.factors()?;
        let change = self.dropped(x)?.matmul(right.t())?.matmul(left.t())?;
        let y = (self.base.project(x)? + (change * self.scale)?.astype(x.dtype())?)?;
        match &self.m {
            Some(m) => (m / lengths(&self.changed()?)?.stop_gradient()?)?.astype(y.dtype())? * y,
            None => Ok(y),
        }
    }

    /// Those rows of `w + Δw`, as long as the magnitudes say: `[…] -> […, columns]`.
    #[track_caller]
    pub(crate) fn rows(&self, indices: &Array) -> Result<Array> {
        let [left, right] = self.factors()?;
        let base = self.base.rows(indices)?;
        let change = (left.take(indices, 0)?.matmul(right)? * self.scale)?;
        let rows = (&base + self.dropped(&change)?.astype(base.dtype())?)?;
        match &self.m {
            Some(m) => {
                let lengths = lengths(&(base + change)?)?.stop_gradient()?;
                (m.take(indices, 0)? / lengths)?.expand_dims(-1)?.astype(rows.dtype())? * rows
            }
            None => Ok(rows),
        }
    }

    /// One matrix that does what the base and the change do; quantized as the base if `quantize`.
    pub(super) fn fused(&self, quantize: bool) -> Result<Matrix> {
        let base = self.base.floats()?;
        let weight = (&base + self.change()?.astype(base.dtype())?)?;
        let weight = match &self.m {
            Some(m) => ((m / lengths(&weight)?)?.expand_dims(-1)? * weight)?.astype(base.dtype())?,
            None => weight,
        };
        match &self.base {
            Matrix::Quantized(base) if quantize => Quantized::of(&weight, base.scheme).map(Matrix::from),
            _ => Ok(weight.into()),
        }
    }

    /// `w + Δw`.
    fn changed(&self) -> Result<Array> {
        self.base.floats()? + self.change()?
    }

    /// `Δw`: `[rows, columns]`.
    fn change(&self) -> Result<Array> {
        let [left, right] = self.factors()?;
        (left * self.scale)?.matmul(right)
    }

    /// The factors of the change: `[rows, rank]` and `[rank, columns]`.
    fn factors(&self) -> Result<[Array; 2]> {
        match self.role {
            Role::Linear => Ok([self.lora_b.t()?, self.lora_a.t()?]),
            Role::Table => Ok([self.lora_a.clone(), self.lora_b.clone()]),
        }
    }

    /// `x`, where there is a key with zeros in random places and the rest greater by as much.
    fn dropped(&self, x: &Array) -> Result<Array> {
        match &self.key {
            Some(key) if self.dropout > 0.0 => {
                let kept = random::bernoulli(x.shape(), 1.0 - self.dropout, key)?;
                x * (kept.astype(x.dtype())? / (1.0 - self.dropout))?
            }
            _ => Ok(x.clone()),
        }
    }
}

/// The lengths of the vectors in the last axis.
fn lengths(rows: &Array) -> Result<Array> {
    linalg::norm(rows, Order::Euclidean, -1)
}
