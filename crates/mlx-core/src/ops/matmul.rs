//! Products of matrices.

use crate::ffi::raw;
use crate::{Array, Operand, Result};

impl Array {
    /// The matrix product `[…, m, k] · […, k, n] -> […, m, n]`; leading axes broadcast.
    #[track_caller]
    pub fn matmul<'a>(&self, other: impl Operand<'a>) -> Result<Self> {
        raw::matmul(self, &*other.beside(self)?)
    }

    /// `beta · self + alpha · a · b` in one pass.
    #[track_caller]
    pub fn addmm(&self, a: &Self, b: &Self, alpha: f32, beta: f32) -> Result<Self> {
        raw::addmm(self, a, b, alpha, beta)
    }
}
