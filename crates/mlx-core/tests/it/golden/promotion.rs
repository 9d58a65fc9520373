//! What types hold, and which type two of them give.

use mlx_core::{Array, Category, Dtype, Result};

use super::args::dtype;
use super::{Args, holds, one};

#[test]
fn types_are_those_of_python() {
    holds("promotion", 532, run);
}

fn run(op: &str, _: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let named = |name| dtype(args.text(name));
    Some(match op {
        "result_type" => one(Array::zeros([], named("left").promote(named("right")))),
        "can_cast" => Ok(vec![named("left").can_cast(named("right")).into()]),
        "issubdtype" => Ok(vec![category(args.text("category")).contains(args.dtype()).into()]),
        "finfo" => finfo(args.dtype()),
        "iinfo" => iinfo(args.dtype()),
        _ => return None,
    })
}

fn finfo(dtype: Dtype) -> Result<Vec<Array>> {
    let Some(info) = dtype.finfo() else { return refusal() };
    let numbers = [f64::from(info.bits), info.min, info.max, info.eps, info.smallest_normal];
    one(Array::from_slice(&numbers.map(f64::to_bits), [5]))
}

fn iinfo(dtype: Dtype) -> Result<Vec<Array>> {
    let Some(info) = dtype.iinfo() else { return refusal() };
    Ok(vec![info.min.into(), Array::from_slice(&[info.max], [])?])
}

/// An error that stands for `None`.
fn refusal() -> Result<Vec<Array>> {
    one(Array::zeros([-1], Dtype::Float32))
}

fn category(name: &str) -> Category {
    match name {
        "generic" => Category::Generic,
        "number" => Category::Number,
        "integer" => Category::Integer,
        "signedinteger" => Category::SignedInteger,
        "unsignedinteger" => Category::UnsignedInteger,
        "inexact" => Category::Inexact,
        "floating" => Category::Floating,
        "complexfloating" => Category::ComplexFloating,
        other => panic!("no category {other}"),
    }
}
