//! Every op on every type, shape and layout: it may refuse, but the program goes on.

use mlx_core::{
    Array, Closeness, Diagonal, Dtype, Indexing, NanToNum, PadMode, Result, Scan, Slice, broadcast_arrays,
    eval, keep, meshgrid, select,
};

use crate::values::on_cpu;

/// Numbers at the ends of what types hold.
fn numbers(dtype: Dtype, count: usize) -> Array {
    let length = [count as i32];
    if dtype.is_integer() || dtype == Dtype::Bool {
        let some = [0, 1, -1, i64::MIN, i64::MAX, 64, 3, -128, 255, 1 << 31].into_iter();
        let whole: Vec<i64> = some.cycle().take(count).collect();
        return Array::from_slice(&whole, length).unwrap().astype(dtype).unwrap();
    }
    let some = [0.0, 1.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.5, 1e30, -0.0, 1e-40];
    let real: Vec<f32> = some.into_iter().cycle().take(count).collect();
    Array::from_slice(&real, length).unwrap().astype(dtype).unwrap()
}

/// Arrays of many shapes, and of layouts that are not those of a new array.
fn specimens(dtype: Dtype) -> Vec<Array> {
    let shaped =
        |shape: &[i32]| numbers(dtype, shape.iter().product::<i32>() as usize).reshape(shape).unwrap();
    vec![
        shaped(&[]),
        shaped(&[0]),
        shaped(&[1]),
        shaped(&[10]),
        shaped(&[0, 3]),
        shaped(&[3, 0]),
        shaped(&[2, 5]),
        shaped(&[2, 1, 3]),
        shaped(&[5, 2]).t().unwrap(),
        shaped(&[20]).index(Slice::step_by(.., -2)).unwrap(),
        shaped(&[4, 6]).index((1..3, Slice::step_by(.., 2))).unwrap(),
        shaped(&[1]).broadcast_to([10]).unwrap(),
        shaped(&[2, 1]).broadcast_to([2, 5]).unwrap(),
    ]
}

/// Computes what is there.
fn settle(results: Vec<Result<Array>>) {
    for result in results.into_iter().flatten() {
        let _ = eval([&result]);
    }
}

fn settle_lists(results: Vec<Result<Vec<Array>>>) {
    for result in results.into_iter().flatten() {
        let _ = eval(&result);
    }
}

fn each_type(test: impl Fn(Dtype, &Array)) {
    on_cpu(|| {
        for dtype in Dtype::ALL {
            for x in specimens(dtype) {
                test(dtype, &x);
            }
        }
    });
}

#[test]
fn ops_of_one_array_go_on() {
    let ops: [fn(&Array) -> Result<Array>; 49] = [
        Array::abs,
        Array::arccos,
        Array::arccosh,
        Array::arcsin,
        Array::arcsinh,
        Array::arctan,
        Array::arctanh,
        Array::atleast_1d,
        Array::atleast_2d,
        Array::atleast_3d,
        Array::bitwise_invert,
        Array::ceil,
        Array::conjugate,
        Array::copy,
        Array::cos,
        Array::cosh,
        Array::degrees,
        Array::erf,
        Array::erfinv,
        Array::exp,
        Array::expm1,
        Array::floor,
        Array::imag,
        Array::isfinite,
        Array::isinf,
        Array::isnan,
        Array::isneginf,
        Array::isposinf,
        Array::log,
        Array::log10,
        Array::log1p,
        Array::log2,
        Array::logical_not,
        Array::radians,
        Array::real,
        Array::reciprocal,
        Array::rsqrt,
        Array::sigmoid,
        Array::sign,
        Array::sin,
        Array::sinh,
        Array::sqrt,
        Array::square,
        Array::stop_gradient,
        Array::t,
        Array::tan,
        Array::tanh,
        Array::to_fp8,
        Array::trunc,
    ];
    each_type(|_, x| settle(ops.iter().map(|op| op(x)).collect()));
}

#[test]
fn ops_with_numbers_go_on() {
    each_type(|dtype, x| {
        let ends = NanToNum { nan: 1.0, posinf: Some(2.0), neginf: Some(3.0) };
        settle(vec![
            -x,
            !x,
            x.clip(-1.5..=1.5),
            x.clip(x..=x),
            x.contiguous(true),
            x.depends([x, x]),
            x.depends([]),
            x.from_fp8(dtype),
            x.full_like(1e30),
            x.full_like(x),
            x.nan_to_num(ends),
            x.nan_to_num(NanToNum::default()),
            x.number_of_elements(.., dtype),
            x.ones_like(),
            x.round(i32::MAX),
            x.round(i32::MIN),
            x.round(1),
            x.zeros_like(),
        ]);
        let _ = format!("{x} {x:.2}");
    });
}

#[test]
fn ops_of_two_arrays_go_on() {
    each_type(|dtype, x| {
        for other in [dtype, Dtype::Int8, Dtype::Uint64] {
            let y = x.astype(other).unwrap().flip(..).unwrap();
            let y = &y;
            settle(vec![
                x + y,
                x - y,
                x * y,
                x / y,
                x % y,
                x & y,
                x | y,
                x ^ y,
                x << y,
                x >> y,
                x.arctan2(y),
                x.floor_divide(y),
                x.isclose(y, Closeness { equal_nan: true, ..Closeness::default() }),
                x.less(y),
                x.logaddexp(y),
                x.logical_xor(y),
                x.maximum(y),
                x.power(y),
                select(x, x, y),
            ]);
            settle_lists(vec![
                x.divmod(y).map(|(quotient, rest)| vec![quotient, rest]),
                broadcast_arrays([x, y]),
                meshgrid([x, y], false, Indexing::Xy),
            ]);
            let _ = (x.allclose(y, Closeness::default()), x.array_equal(y, true));
        }
    });
}

#[test]
fn reductions_go_on() {
    each_type(|_, x| {
        for axes in [0.into(), keep(-1), keep(..), mlx_core::Axes::from([]), [0, 1].into(), [0, 0].into()] {
            let axes = || axes.clone();
            settle(vec![
                x.all(axes()),
                x.any(axes()),
                x.argmax(axes()),
                x.argmin(axes()),
                x.count_nonzero(axes()),
                x.logsumexp(axes()),
                x.max(axes()),
                x.mean(axes()),
                x.median(axes()),
                x.min(axes()),
                x.number_of_elements(axes(), Dtype::Int8),
                x.prod(axes()),
                x.softmax(axes()),
                x.std(axes(), i32::MAX),
                x.std(axes(), i32::MIN),
                x.sum(axes()),
                x.var(axes(), 1),
            ]);
        }
    });
}

#[test]
fn scans_go_on() {
    each_type(|_, x| {
        for axis in [0, -1, 1] {
            for (reverse, inclusive) in [(false, true), (true, true), (false, false), (true, false)] {
                let scan = Scan { axis, reverse, inclusive };
                settle(vec![
                    x.cummax(scan),
                    x.cummin(scan),
                    x.cumprod(scan),
                    x.cumsum(scan),
                    x.logcumsumexp(scan),
                ]);
            }
            settle(vec![x.diff(1, axis), x.diff(i32::MAX, axis), x.diff(0, axis), x.diff(-1, axis)]);
        }
    });
}

#[test]
fn ops_that_arrange_go_on() {
    each_type(|_, x| {
        let far = i32::MAX;
        settle(vec![
            x.as_strided([2, 2], &[0, 0], 0),
            x.diag(0),
            x.diag(-1),
            x.diag(far),
            x.diagonal(0),
            x.diagonal(Diagonal { offset: i32::MIN, axes: [-1, 0] }),
            x.expand_dims([0, -1]),
            x.flatten(0, -1),
            x.flip(..),
            x.flip([0, 0]),
            x.moveaxis(0, -1),
            x.pad([(0, 1, 2)], 1.5),
            x.pad([(-1, 0, 2)], PadMode::Edge),
            x.pad([(0, 3, 4)], PadMode::Reflect),
            x.pad([(-1, 3, 0)], PadMode::Symmetric),
            x.repeat(3, 0),
            x.roll(i32::MIN, 0),
            x.roll(far, ..),
            x.roll(-1, [0, -1]),
            x.squeeze([]),
            x.squeeze(..),
            x.swapaxes(0, -1),
            x.tile([2, 0, 3]),
            x.tile([2]),
            x.trace(0),
            x.trace(far),
            x.tril(i32::MIN),
            x.triu(far),
            x.unflatten(0, [-1, 2]),
            x.unflatten(-1, [5, 2, 1]),
        ]);
        settle_lists(vec![x.split(2, 0), x.split_at([1, -1], -1), x.unstack(0), x.unstack(-1)]);
    });
}
