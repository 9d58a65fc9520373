//! The gradient of every op that has one, against differences in `float64`, and its tangents against its gradient.

use mlx_core::transform::{grad, jvp};
use mlx_core::{Array, Device, Dtype, Result, Scan, Slice, concatenate, fast, keep, select, stack};

type Op = fn(&[Array]) -> Result<Array>;

/// Numbers between 0.2 and 0.9 without a pattern, no two alike.
pub(crate) fn numbers(shape: &[i32], seed: i32) -> Array {
    let n: i32 = shape.iter().product();
    let data: Vec<f64> =
        (0..n).map(|i| 0.2 + 0.7 * (f64::from(i + 17 * seed) * 0.618_034 + 0.1).fract()).collect();
    Array::from_slice(&data, shape).unwrap()
}

fn read(x: &Array) -> Vec<f64> {
    x.to_vec().unwrap()
}

/// `x` with one element moved by `by`.
fn moved(x: &Array, at: usize, by: f64) -> Array {
    let mut data = read(x);
    data[at] += by;
    Array::from_slice(&data, x.shape()).unwrap()
}

/// One number of all elements of the op's value, each with a weight of its own.
fn weighed(op: Op, xs: &[Array]) -> Result<Array> {
    let y = op(xs)?.astype(Dtype::Float64)?;
    (&y * &numbers(y.shape(), 5))?.sum(..)
}

/// What is wrong with the derivatives of `op`.
pub(crate) fn check(name: &str, shapes: &[&[i32]], op: Op, tolerance: f64, step: f64) -> Result<(), String> {
    let xs: Vec<Array> = shapes.iter().zip(1..).map(|(shape, seed)| numbers(shape, seed)).collect();
    let value = |xs: &Vec<Array>| weighed(op, xs);
    let gradient = grad(value)(&xs).map_err(|error| format!("{name}: {error}"))?;
    for (which, dx) in gradient.iter().enumerate() {
        if (dx.shape(), dx.dtype()) != (xs[which].shape(), Dtype::Float64) {
            return Err(format!("{name}: d/dx{which} is {dx:?}"));
        }
        for (at, &found) in read(dx).iter().enumerate() {
            let side = |by: f64| {
                let mut xs = xs.clone();
                xs[which] = moved(&xs[which], at, by);
                value(&xs).unwrap().item::<f64>().unwrap()
            };
            let expected = (side(step) - side(-step)) / (2.0 * step);
            let near = (found - expected).abs() <= tolerance * (1.0 + expected.abs());
            if !near {
                return Err(format!("{name}: d/dx{which}[{at}] is {found}, the difference {expected}"));
            }
        }
    }
    along(name, &xs, op, &gradient, tolerance)
}

/// The tangent of the value along a direction is the product of that and the gradient.
fn along(name: &str, xs: &Vec<Array>, op: Op, gradient: &[Array], tolerance: f64) -> Result<(), String> {
    let direction: Vec<Array> = xs.iter().map(|x| numbers(x.shape(), 9)).collect();
    let expected: f64 = gradient
        .iter()
        .zip(&direction)
        .map(|(dx, t)| (dx * t).unwrap().sum(..).unwrap().item::<f64>().unwrap())
        .sum();
    let (_, found) =
        jvp(|xs: &Vec<Array>| weighed(op, xs), xs, &direction).map_err(|error| format!("{name}: {error}"))?;
    let found = found.item::<f64>().unwrap();
    let near = (found - expected).abs() <= 10.0 * tolerance * (1.0 + expected.abs());
    if near { Ok(()) } else { Err(format!("{name}: the tangent is {found}, not {expected}")) }
}

/// Stops unless all derivatives are right.
fn check_all(ops: &[(&str, &[&[i32]], Op)], tolerance: f64, step: f64) {
    let run = || {
        let wrong =
            ops.iter().filter_map(|&(name, shapes, op)| check(name, shapes, op, tolerance, step).err());
        Ok(wrong.collect::<Vec<_>>())
    };
    let wrong = Device::Cpu.scope(run).unwrap();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

const OPS: &[(&str, &[&[i32]], Op)] = &[
    ("abs", &[&[3]], |x| (&x[0] - 0.55)?.abs()),
    ("arccos", &[&[3]], |x| x[0].arccos()),
    ("arccosh", &[&[3]], |x| (&x[0] + 1.5)?.arccosh()),
    ("arcsin", &[&[3]], |x| x[0].arcsin()),
    ("arcsinh", &[&[3]], |x| x[0].arcsinh()),
    ("arctan", &[&[3]], |x| x[0].arctan()),
    ("arctanh", &[&[3]], |x| x[0].arctanh()),
    ("arctan2", &[&[3], &[3]], |x| x[0].arctan2(&x[1])),
    ("cosh", &[&[3]], |x| x[0].cosh()),
    ("expm1", &[&[3]], |x| x[0].expm1()),
    ("log", &[&[3]], |x| x[0].log()),
    ("log10", &[&[3]], |x| x[0].log10()),
    ("log1p", &[&[3]], |x| x[0].log1p()),
    ("log2", &[&[3]], |x| x[0].log2()),
    ("reciprocal", &[&[3]], |x| x[0].reciprocal()),
    ("rsqrt", &[&[3]], |x| x[0].rsqrt()),
    ("sinh", &[&[3]], |x| x[0].sinh()),
    ("sqrt", &[&[3]], |x| x[0].sqrt()),
    ("square", &[&[3]], |x| x[0].square()),
    ("tan", &[&[3]], |x| x[0].tan()),
    ("tanh", &[&[3]], |x| x[0].tanh()),
    ("negative", &[&[3]], |x| -&x[0]),
    ("ceil", &[&[3]], |x| x[0].ceil()? + &x[0]),
    ("floor", &[&[3]], |x| x[0].floor()? * &x[0]),
    ("round", &[&[3]], |x| x[0].round(0)? * &x[0]),
    ("sign", &[&[3]], |x| x[0].sign()? * &x[0]),
    ("add", &[&[2, 3], &[3]], |x| &x[0] + &x[1]),
    ("subtract", &[&[1, 3], &[2, 1]], |x| &x[0] - &x[1]),
    ("multiply", &[&[], &[2, 3]], |x| &x[0] * &x[1]),
    ("divide", &[&[2, 3], &[2, 1]], |x| &x[0] / &x[1]),
    ("power", &[&[3], &[3]], |x| x[0].power(&x[1])),
    ("maximum", &[&[2, 3], &[3]], |x| x[0].maximum(&x[1])),
    ("minimum", &[&[3], &[3]], |x| x[0].minimum(&x[1])),
    ("remainder", &[&[3], &[3]], |x| (&x[0] * 3.0)? % &x[1]),
    ("select", &[&[3], &[3]], |x| select(&x[0].greater(0.5)?, &x[0], x[1].square()?)),
    ("sum", &[&[2, 3]], |x| x[0].sum(..)),
    ("sum of an axis", &[&[2, 3]], |x| x[0].sum(keep(0))),
    ("mean", &[&[2, 3]], |x| x[0].mean(1)),
    ("var", &[&[2, 3]], |x| x[0].var([0, 1], 1)),
    ("prod", &[&[2, 3]], |x| x[0].prod(1)),
    ("prod of all", &[&[2, 2]], |x| x[0].prod(..)),
    ("max", &[&[2, 3]], |x| x[0].max(1)),
    ("min", &[&[2, 3]], |x| x[0].min(..)),
    ("cumsum", &[&[2, 3]], |x| x[0].cumsum(1)),
    ("cumsum backwards", &[&[4]], |x| x[0].cumsum(Scan { axis: 0, reverse: true, inclusive: false })),
    ("matmul", &[&[2, 3], &[3, 2]], |x| x[0].matmul(&x[1])),
    ("matmul of stacks", &[&[2, 2, 3], &[3, 2]], |x| x[0].matmul(&x[1])),
    ("vector products", &[&[3], &[3]], |x| x[0].matmul(&x[1])),
    ("addmm", &[&[2], &[2, 3], &[3, 2]], |x| x[0].addmm(&x[1], &x[2], 0.5, 2.0)),
    ("reshape", &[&[2, 3]], |x| x[0].reshape([3, 2])?.square()),
    ("transpose", &[&[2, 3, 2]], |x| x[0].transpose([2, 0, 1])?.square()),
    ("swapaxes", &[&[2, 3]], |x| x[0].swapaxes(0, 1)),
    ("expand_dims", &[&[3]], |x| x[0].expand_dims([0, 2])),
    ("squeeze", &[&[1, 3, 1]], |x| x[0].squeeze([0, 2])),
    ("flatten", &[&[2, 3, 2]], |x| x[0].flatten(1, 2)),
    ("broadcast_to", &[&[3]], |x| x[0].broadcast_to([2, 3])),
    ("repeat", &[&[2, 3]], |x| x[0].repeat(2, 0)),
    ("split", &[&[4]], |x| x[0].split(2, 0)?.remove(1).square()),
    ("split_at", &[&[5]], |x| concatenate(x[0].split_at([1, 3], 0)?.iter().rev(), 0)),
    ("pad", &[&[2, 2]], |x| x[0].pad([(1, 1, 2)], 0.5)),
    ("tril", &[&[3, 3]], |x| x[0].tril(0)),
    ("triu", &[&[3, 3]], |x| x[0].triu(1)),
    ("slice", &[&[5]], |x| x[0].index(Slice::step_by(1.., 2))),
    ("slice backwards", &[&[4]], |x| x[0].index(Slice::step_by(.., -1))),
    ("slice of one place", &[&[2, 3]], |x| x[0].index((.., Slice::step_by(.., 5)))),
    ("slice of one place backwards", &[&[1, 3]], |x| x[0].index((Slice::step_by(.., -1), 1..))),
    ("slice of the ends", &[&[6]], |x| x[0].index(Slice::step_by(.., 5))),
    ("index", &[&[3, 2]], |x| x[0].index((-1, 0))),
    ("slice_update", &[&[3, 2], &[2, 1]], |x| x[0].slice_update(&x[1], [1, 0])),
    ("take", &[&[3, 2]], |x| x[0].take(&Array::from([2, 0, 2]), 0)),
    ("take_along_axis", &[&[2, 3]], |x| x[0].take_along_axis(&Array::from([[2, 2], [0, 1]]), 1)),
    ("sort", &[&[5]], |x| x[0].sort(0)),
    ("partition", &[&[5]], |x| x[0].partition(2, 0)?.index(2)),
    ("topk", &[&[5]], |x| x[0].topk(1, 0)),
    ("concatenate", &[&[2], &[3]], |x| concatenate([&x[0], &x[1]], 0)),
    ("stack", &[&[2], &[2]], |x| stack([&x[0], &x[1]], 1)),
    ("astype", &[&[3]], |x| x[0].astype(Dtype::Float64)?.square()),
];

#[test]
fn every_gradient_is_the_limit_of_differences() {
    check_all(OPS, 2e-6, 1e-5);
}

/// Ops whose kernels compute in `float32`, or no more exactly.
const SINGLE: &[(&str, &[&[i32]], Op)] = &[
    ("cos", &[&[3]], |x| x[0].cos()),
    ("erf", &[&[3]], |x| x[0].erf()),
    ("erfinv", &[&[3]], |x| x[0].erfinv()),
    ("exp", &[&[3]], |x| x[0].exp()),
    ("sigmoid", &[&[3]], |x| x[0].sigmoid()),
    ("sin", &[&[3]], |x| x[0].sin()),
    ("logaddexp", &[&[3], &[3]], |x| x[0].logaddexp(&x[1])),
    ("logsumexp", &[&[2, 3]], |x| x[0].logsumexp(1)),
    ("logsumexp of all", &[&[2, 3]], |x| x[0].logsumexp(..)),
    ("softmax", &[&[2, 3]], |x| x[0].softmax(-1)),
    ("softmax of all", &[&[2, 3]], |x| x[0].softmax(..)),
    ("through float32", &[&[3]], |x| x[0].astype(Dtype::Float32)?.square()),
    ("rms_norm", &[&[2, 4], &[4]], |x| {
        fast::rms_norm(&x[0].astype(Dtype::Float32)?, Some(&x[1].astype(Dtype::Float32)?), 1e-5)
    }),
    ("layer_norm", &[&[2, 4], &[4], &[4]], |x| {
        let [a, w, b] = [0, 1, 2].map(|n| x[n].astype(Dtype::Float32));
        fast::layer_norm(&a?, Some(&w?), Some(&b?), 1e-5)
    }),
];

#[test]
fn gradients_of_float32_kernels_are_near_the_differences() {
    check_all(SINGLE, 5e-3, 1e-2);
}
