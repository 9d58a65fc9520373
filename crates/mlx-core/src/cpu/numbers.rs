//! Inputs and results of kernels as the slices that `mlx-cpu` takes.

use std::borrow::Cow;

use half::{bf16, f16};
use mlx_cpu::{Numbers, NumbersMut};

use crate::Dtype;
use crate::kernel::{Failure, Input, Output};

/// Whether there are kernels for floats of this type.
pub(super) fn fits(dtype: Dtype) -> bool {
    matches!(dtype, Dtype::Float32 | Dtype::Float16 | Dtype::Bfloat16)
}

/// Floats in row-major order.
pub(super) enum Floats<'a> {
    F32(Cow<'a, [f32]>),
    F16(Cow<'a, [f16]>),
    Bf16(Cow<'a, [bf16]>),
}

impl<'a> Floats<'a> {
    /// The elements of an input.
    pub(super) fn of(input: &'a Input<'_>) -> Result<Self, Failure> {
        Ok(match input.dtype() {
            Dtype::Float16 => Self::F16(input.values()?),
            Dtype::Bfloat16 => Self::Bf16(input.values()?),
            _ => Self::F32(input.values()?),
        })
    }

    pub(super) fn numbers(&self) -> Numbers<'_> {
        match self {
            Self::F32(all) => Numbers::F32(all),
            Self::F16(all) => Numbers::F16(all),
            Self::Bf16(all) => Numbers::Bf16(all),
        }
    }
}

/// The elements of a result.
pub(super) fn results<'a>(output: &'a mut Output<'_>) -> Result<NumbersMut<'a>, Failure> {
    Ok(match output.dtype() {
        Dtype::Float16 => NumbersMut::F16(output.values()?),
        Dtype::Bfloat16 => NumbersMut::Bf16(output.values()?),
        _ => NumbersMut::F32(output.values()?),
    })
}
