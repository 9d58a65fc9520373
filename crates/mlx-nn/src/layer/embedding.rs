//! A table of vectors, one for each token.

use mlx_core::{Array, Result};

use crate::layer::layers;
use crate::lora::{Adapter, Place, PlaceMut, Role};
use crate::{Matrix, Module};

/// A table of `[tokens, width]` that may be quantized, and [adapted](crate::lora).
#[derive(Clone, Debug, Module)]
pub struct Embedding {
    #[module(flatten)]
    table: Matrix,
    #[module(flatten)]
    adapter: Option<Adapter>,
}

impl Embedding {
    /// An embedding with this table.
    pub fn new(table: impl Into<Matrix>) -> Self {
        Self { table: table.into(), adapter: None }
    }

    /// The numbers of tokens and of features.
    pub fn shape(&self) -> Result<[i32; 2]> {
        self.table.shape()
    }

    /// The vectors of token ids: `[batch, length] -> [batch, length, width]`. Ids out of range are clamped.
    #[track_caller]
    pub fn forward(&self, ids: &Array) -> Result<Array> {
        match &self.adapter {
            Some(adapter) => adapter.rows(&self.table, ids),
            None => self.table.rows(ids),
        }
    }

    /// How well each token's vector matches: `[…, width] -> […, tokens]`.
    #[track_caller]
    pub fn as_linear(&self, x: &Array) -> Result<Array> {
        match &self.adapter {
            Some(adapter) => adapter.project(&self.table, x),
            None => self.table.project(x),
        }
    }

    pub(crate) fn place(&self) -> Place<'_> {
        Place { role: Role::Table, matrix: &self.table, adapter: self.adapter.as_ref() }
    }

    pub(crate) fn place_mut(&mut self) -> PlaceMut<'_> {
        PlaceMut { role: Role::Table, matrix: &mut self.table, adapter: &mut self.adapter }
    }
}

layers!(Embedding);
