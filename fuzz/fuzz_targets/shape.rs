//! Ops that make and arrange elements, with any numbers as arguments: an error, or an array that can be read.

#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use mlx_core::{Array, Diagonal, PadMode, Result, Steps};
use mlx_core_fuzz::{BYTES, Number, dtype, numbers};

#[derive(Arbitrary, Debug)]
struct Case {
    shape: [u8; 4],
    rank: u8,
    dtype: u8,
    ops: Vec<Op>,
}

#[derive(Arbitrary, Debug)]
enum Op {
    Arange { start: f64, stop: f64, step: f64, dtype: u8 },
    Linspace { start: f64, stop: f64, count: Number, dtype: u8 },
    Zeros(Vec<Number>, u8),
    Eye([Number; 2], Number, u8),
    Tri([Number; 2], Number, u8),
    Hanning(Number),
    Reshape(Vec<Number>),
    Unflatten(Number, Vec<Number>),
    Transpose(Vec<Number>),
    SwapAxes(Number, Number),
    MoveAxis(Number, Number),
    ExpandDims(Vec<Number>),
    Squeeze(Vec<Number>),
    Flatten(Number, Number),
    BroadcastTo(Vec<Number>),
    AsStrided { shape: Vec<Number>, strides: Vec<i64>, offset: u16 },
    Repeat(Number, Number),
    Tile(Vec<Number>),
    Split(Number, Number),
    SplitAt(Vec<Number>, Number),
    Pad(Number, Number, Number, u8),
    Roll(Number, Vec<Number>),
    Flip(Vec<Number>),
    Tril(Number),
    Triu(Number),
    Diag(Number),
    Diagonal(Number, [Number; 2]),
    Diff(Number, Number),
    View(u8),
    Astype(u8),
    Take(Vec<Number>, Number),
    TopK(Number, Number),
    Partition(Number, Number),
}

impl Op {
    fn apply(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Arange { start, stop, step, dtype: kind } => {
                Array::arange(Steps { start: *start, stop: *stop, step: *step, dtype: dtype(*kind) })
            }
            Self::Linspace { start, stop, count, dtype: kind } => {
                Array::linspace(*start..=*stop, count.get(), dtype(*kind))
            }
            Self::Zeros(shape, kind) => Array::zeros(numbers(shape), dtype(*kind)),
            Self::Eye(shape, diagonal, kind) => {
                Array::eye(shape.map(Number::get), diagonal.get(), dtype(*kind))
            }
            Self::Tri(shape, diagonal, kind) => {
                Array::tri(shape.map(Number::get), diagonal.get(), dtype(*kind))
            }
            Self::Hanning(count) => Array::hanning(count.get()),
            _ => self.arrange(x),
        }
    }

    fn arrange(&self, x: &Array) -> Result<Array> {
        match self {
            Self::Reshape(shape) => x.reshape(numbers(shape)),
            Self::Unflatten(axis, shape) => x.unflatten(axis.get(), numbers(shape)),
            Self::Transpose(axes) => x.transpose(numbers(axes)),
            Self::SwapAxes(a, b) => x.swapaxes(a.get(), b.get()),
            Self::MoveAxis(from, to) => x.moveaxis(from.get(), to.get()),
            Self::ExpandDims(axes) => x.expand_dims(&numbers(axes)[..]),
            Self::Squeeze(axes) => x.squeeze(&numbers(axes)[..]),
            Self::Flatten(start, end) => x.flatten(start.get(), end.get()),
            Self::BroadcastTo(shape) => x.broadcast_to(numbers(shape)),
            Self::AsStrided { shape, strides, offset } => {
                let shape = numbers(shape);
                let strides = &strides[..strides.len().min(shape.len())];
                x.as_strided(&shape, strides, usize::from(*offset))
            }
            Self::Tile(counts) => x.tile(numbers(counts)),
            Self::Roll(shift, axes) => x.roll(shift.get(), &numbers(axes)[..]),
            Self::Flip(axes) => x.flip(&numbers(axes)[..]),
            Self::View(kind) => x.view(dtype(*kind)),
            Self::Astype(kind) => x.astype(dtype(*kind)),
            _ => self.pick(x),
        }
    }

    fn pick(&self, x: &Array) -> Result<Array> {
        let first = |parts: Vec<Array>| parts.into_iter().next().unwrap_or_else(|| x.clone());
        match self {
            Self::Repeat(count, axis) => x.repeat(count.get(), axis.get()),
            Self::Split(parts, axis) => x.split(parts.get(), axis.get()).map(first),
            Self::SplitAt(places, axis) => x.split_at(numbers(places), axis.get()).map(first),
            Self::Pad(axis, before, after, mode) => {
                let widths = [(axis.get(), before.get(), after.get())];
                match mode % 4 {
                    0 => x.pad(widths, 0),
                    1 => x.pad(widths, PadMode::Edge),
                    2 => x.pad(widths, PadMode::Reflect),
                    _ => x.pad(widths, PadMode::Symmetric),
                }
            }
            Self::Tril(diagonal) => x.tril(diagonal.get()),
            Self::Triu(diagonal) => x.triu(diagonal.get()),
            Self::Diag(diagonal) => x.diag(diagonal.get()),
            Self::Diagonal(offset, axes) => {
                x.diagonal(Diagonal { offset: offset.get(), axes: axes.map(Number::get) })
            }
            Self::Diff(times, axis) => x.diff(times.get() % 9, axis.get()),
            Self::Take(places, axis) => {
                let places = numbers(places);
                x.take(&Array::from_slice(&places, [places.len() as i32])?, axis.get())
            }
            Self::TopK(k, axis) => x.topk(k.get(), axis.get()),
            Self::Partition(kth, axis) => x.partition(kth.get(), axis.get()),
            _ => Ok(x.clone()),
        }
    }
}

fuzz_target!(|case: Case| {
    let shape: Vec<i32> =
        case.shape.iter().take(usize::from(case.rank % 5)).map(|length| i32::from(length % 4)).collect();
    let count: i32 = shape.iter().product();
    let mut x = Array::arange(0..count).and_then(|x| x.astype(dtype(case.dtype))?.reshape(&shape)).unwrap();
    for op in case.ops.iter().take(4) {
        match op.apply(&x) {
            Ok(y) if y.nbytes() <= BYTES => x = y,
            _ => return,
        }
        let lengths: i128 = x.shape().iter().map(|&length| i128::from(length)).product();
        assert_eq!(usize::try_from(lengths), Ok(x.size()));
        if x.eval().is_err() {
            return;
        }
    }
});
