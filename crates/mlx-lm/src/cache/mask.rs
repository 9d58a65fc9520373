//! Which earlier tokens a token may see.

use mlx_core::{Array, Result, fast};

/// The mask of one pass through the layers.
#[derive(Clone, Debug)]
pub enum Mask {
    /// A single token sees everything.
    None,
    /// Each token sees itself and those before it.
    Causal,
    /// True where query (row) sees key (column): `[queries, keys]`.
    Array(Array),
}

impl Mask {
    pub(super) fn causal(length: i32) -> Self {
        if length == 1 { Self::None } else { Self::Causal }
    }

    pub(super) fn sliding(offset: i32, length: i32, window: i32) -> Result<Self> {
        if offset.saturating_add(length) <= window {
            return Ok(Self::causal(length));
        }
        let keys = Array::arange(0..offset + length)?;
        let queries = Array::arange(offset..offset + length)?.expand_dims(1)?;
        let before = queries.greater_equal(&keys)?;
        Ok(Self::Array(before.logical_and(queries.less((keys + window)?)?)?))
    }

    pub(super) fn as_fast(&self) -> fast::Mask<'_> {
        match self {
            Self::None => fast::Mask::None,
            Self::Causal => fast::Mask::Causal,
            Self::Array(array) => fast::Mask::Array(array),
        }
    }
}
