//! Products of dense matrices.

use mlx_cpu::Level;
use mlx_cpu::dense::{self, Batch, Order, Sizes};

use super::numbers::{Floats, fits, results};
use crate::ffi::raw;
use crate::kernel::{Failure, Input, Output, Primitive, Spec};
use crate::{Array, Result};

struct Matmul;

/// `a · b` where `b` is one matrix for all of `a`, or both have the same leading axes; none if there is no kernel.
#[track_caller]
pub(crate) fn matmul(a: &Array, b: &Array) -> Option<Result<Array>> {
    let (a_leading, [_, depth]) = a.shape().split_last_chunk()?;
    let (b_leading, [rows, _]) = b.shape().split_last_chunk()?;
    let paired = b_leading.is_empty() || a_leading == b_leading;
    let floats = fits(a.dtype()) && fits(b.dtype());
    let full = a.size() > 0 && b.size() > 0;
    if floats && full && paired && depth == rows && super::is_on() {
        Some(super::apply(Matmul, [a, b]))
    } else {
        None
    }
}

/// The right sides, and how they are stored.
fn right<'a>(input: &'a Input<'_>) -> Result<(Floats<'a>, Order), Failure> {
    let shape = input.shape();
    if let Some((_, &[rows, columns])) = shape.split_last_chunk()
        && let Some(floats) = Floats::transposed(input, rows, columns)?
    {
        return Ok((floats, Order::Transposed));
    }
    Ok((Floats::of(input)?, Order::Plain))
}

impl Primitive for Matmul {
    const NAME: &'static str = "matmul";
    const FILLS: bool = true;

    fn outputs(&self, inputs: &[&Array]) -> Result<Vec<Spec>> {
        let [a, b] = inputs else { return Ok(Vec::new()) };
        let mut shape = a.shape().to_vec();
        if let (Some(last), Some(&columns)) = (shape.last_mut(), b.shape().last()) {
            *last = columns;
        }
        Ok(vec![Spec::new(shape, a.dtype().promote(b.dtype()))])
    }

    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<(), Failure> {
        let ([a, b], [out]) = (inputs, outputs) else { return Err("an input is missing".into()) };
        let (left, (right, order)) = (Floats::of(a)?, right(b)?);
        let (Some((_, &[m, depth])), Some((b_leading, &[_, columns]))) =
            (a.shape().split_last_chunk(), b.shape().split_last_chunk())
        else {
            return Err("an input is no matrix".into());
        };
        let [m, depth, columns] = [m, depth, columns].map(|length| length.unsigned_abs() as usize);
        let (left, right) = (left.numbers(), right.numbers());
        if b_leading.is_empty() {
            let sizes = Sizes { rows: left.len() / depth.max(1), depth, columns, order };
            return super::checked(dense::multiply(Level::best(), sizes, left, right, results(out)?));
        }
        let sizes = Sizes { rows: m, depth, columns, order };
        let left = Batch { elements: left, stride: m * depth };
        let right = Batch { elements: right, stride: depth * columns };
        super::checked(dense::multiply_batch(Level::best(), sizes, left, right, results(out)?))
    }

    fn fallback(&self, inputs: &[Array]) -> Result<Vec<Array>> {
        let [a, b] = inputs else { return Ok(Vec::new()) };
        Ok(vec![raw::matmul(a, b)?])
    }

    fn is_same(&self, _: &Self) -> bool {
        true
    }
}
