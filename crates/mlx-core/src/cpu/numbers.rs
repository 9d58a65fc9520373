//! Inputs and results of kernels as the slices that `mlx-cpu` takes.

use std::borrow::Cow;

use half::{bf16, f16};
use mlx_cpu::{Numbers, NumbersMut};

use crate::Dtype;
use crate::kernel::{Failure, Input, Output, Strided};

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

    /// The elements of an input whose last axis is in order, and how far apart neighbours along the other axes are. A copy
    /// is in row-major order.
    pub(super) fn strided(input: &'a Input<'_>) -> Result<(Self, Vec<usize>), Failure> {
        macro_rules! of {
            ($variant:ident) => {
                match input.strided()? {
                    Some(Strided { elements, strides }) if strides.last() == Some(&1) => {
                        Some((Self::$variant(Cow::Borrowed(elements)), strides))
                    }
                    _ => None,
                }
            };
        }
        let found = match input.dtype() {
            Dtype::Float16 => of!(F16),
            Dtype::Bfloat16 => of!(Bf16),
            _ => of!(F32),
        };
        match found {
            Some(found) => Ok(found),
            None => Ok((Self::of(input)?, in_order(input.shape()))),
        }
    }

    /// The elements of matrices `[…, rows, columns]` that are stored by columns, one matrix after the other; none if they
    /// are not.
    pub(super) fn transposed(input: &'a Input<'_>, rows: i32, columns: i32) -> Result<Option<Self>, Failure> {
        let mut stored = input.shape().to_vec();
        if let Some(last) = stored.last_chunk_mut() {
            *last = [columns, rows];
        }
        let mut wanted = in_order(&stored);
        if let Some([row, column]) = wanted.last_chunk_mut() {
            std::mem::swap(row, column);
        }
        let lies = |strides: &[usize]| {
            let axes = strides.iter().zip(&wanted).zip(input.shape());
            columns > 1 && rows > 1 && axes.into_iter().all(|((a, b), &length)| length == 1 || a == b)
        };
        macro_rules! of {
            ($variant:ident) => {
                match input.strided()? {
                    Some(Strided { elements, strides }) if lies(&strides) => {
                        Some(Self::$variant(Cow::Borrowed(elements)))
                    }
                    _ => None,
                }
            };
        }
        Ok(match input.dtype() {
            Dtype::Float16 => of!(F16),
            Dtype::Bfloat16 => of!(Bf16),
            _ => of!(F32),
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

/// The strides of row-major order.
pub(super) fn in_order(shape: &[i32]) -> Vec<usize> {
    let mut strides = Vec::with_capacity(shape.len());
    let mut next = 1;
    for &length in shape.iter().rev() {
        strides.push(next);
        next *= length.unsigned_abs() as usize;
    }
    strides.reverse();
    strides
}

/// Lengths as sizes.
pub(super) fn sizes<const N: usize>(shape: &[i32]) -> Result<[usize; N], Failure> {
    let sizes: Vec<_> = shape.iter().map(|length| length.unsigned_abs() as usize).collect();
    sizes.try_into().map_err(|_| "an input has another number of axes".into())
}

/// The length of a row.
pub(super) fn width(x: &Input<'_>) -> usize {
    x.shape().last().map_or(1, |length| length.unsigned_abs() as usize)
}
