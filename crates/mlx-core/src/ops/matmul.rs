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
        // MLX's rule for tangents leaves both factors out.
        let scaled = |x: &Self, by: f32| if by == 1.0 { Ok(x.clone()) } else { x * by };
        raw::addmm(&scaled(self, beta)?, &scaled(a, alpha)?, b, 1.0, 1.0)
    }
}
