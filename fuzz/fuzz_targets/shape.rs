//! Ops that arrange elements, with any numbers as arguments: an error, or an array that can be read.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mlx_core::{Array, Dtype, Result};

/// Results with more bytes than this are not computed, and no op follows them.
const BYTES: usize = 1 << 20;

#[derive(Arbitrary, Debug)]
struct Case {
    shape: [u8; 4],
    rank: u8,
    dtype: u8,
    ops: Vec<Op>,
}

/// A number near zero, or any.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Number {
    Near(i8),
    Far(i32),
}

#[derive(Arbitrary, Debug)]
enum Op {
    Arange(Number, Number),
    Zeros(Vec<Number>, u8),
    Reshape(Vec<Number>),
    Transpose(Vec<Number>),
    SwapAxes(Number, Number),
    ExpandDims(Vec<Number>),
    Squeeze(Vec<Number>),
    Flatten(Number, Number),
    BroadcastTo(Vec<Number>),
    Repeat(Number, Number),
    Split(Number, Number),
    SplitAt(Vec<Number>, Number),
    Pad(Number, Number, Number),
    Tril(Number),
    Triu(Number),
    View(u8),
    Astype(u8),
    Take(Vec<Number>, Number),
}

fn dtype(number: u8) -> Dtype {
    Dtype::ALL[usize::from(number) % Dtype::ALL.len()]
}

fn number(number: Number) -> i32 {
    match number {
        Number::Near(near) => i32::from(near % 8),
        Number::Far(far) => far,
    }
}

fn numbers(list: &[Number]) -> Vec<i32> {
    list.iter().take(6).copied().map(number).collect()
}

impl Op {
    fn apply(&self, x: &Array) -> Result<Array> {
        let first = |parts: Vec<Array>| parts.into_iter().next().unwrap_or_else(|| x.clone());
        match self {
            Self::Arange(start, stop) => Array::arange(number(*start)..number(*stop)),
            Self::Zeros(shape, kind) => Array::zeros(numbers(shape), dtype(*kind)),
            Self::Reshape(shape) => x.reshape(numbers(shape)),
            Self::Transpose(axes) => x.transpose(numbers(axes)),
            Self::SwapAxes(a, b) => x.swapaxes(number(*a), number(*b)),
            Self::ExpandDims(axes) => x.expand_dims(&numbers(axes)[..]),
            Self::Squeeze(axes) => x.squeeze(&numbers(axes)[..]),
            Self::Flatten(start, end) => x.flatten(number(*start), number(*end)),
            Self::BroadcastTo(shape) => x.broadcast_to(numbers(shape)),
            Self::Repeat(count, axis) => x.repeat(number(*count), number(*axis)),
            Self::Split(parts, axis) => x.split(number(*parts), number(*axis)).map(first),
            Self::SplitAt(places, axis) => x.split_at(numbers(places), number(*axis)).map(first),
            Self::Pad(axis, before, after) => x.pad(number(*axis), number(*before), number(*after), 0),
            Self::Tril(diagonal) => x.tril(number(*diagonal)),
            Self::Triu(diagonal) => x.triu(number(*diagonal)),
            Self::View(kind) => x.view(dtype(*kind)),
            Self::Astype(kind) => x.astype(dtype(*kind)),
            Self::Take(places, axis) => {
                let places = numbers(places);
                x.take(&Array::from_slice(&places, [places.len() as i32])?, number(*axis))
            }
        }
    }
}

fuzz_target!(|case: Case| {
    let shape: Vec<i32> =
        case.shape.iter().take(usize::from(case.rank % 5)).map(|length| i32::from(length % 4)).collect();
    let count = shape.iter().product();
    let mut x = Array::arange(0..count).and_then(|x| x.astype(dtype(case.dtype))?.reshape(&shape)).unwrap();
    for op in case.ops.iter().take(4) {
        match op.apply(&x) {
            Ok(y) if y.nbytes() <= BYTES => x = y,
            _ => return,
        }
        let lengths: i64 = x.shape().iter().map(|&length| i64::from(length)).product();
        assert_eq!(usize::try_from(lengths), Ok(x.size()));
        x.eval().unwrap();
    }
});
