//! Ops that go over axes to one element, and those along an axis.

use mlx_core::{Array, Result, Scan};

use super::{Args, holds, one};

#[test]
fn ops_over_axes_agree_with_python() {
    holds("reduce", 1468, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    let output = match op {
        "sum" => x.sum(args.axes()),
        "prod" => x.prod(args.axes()),
        "max" => x.max(args.axes()),
        "min" => x.min(args.axes()),
        "mean" => x.mean(args.axes()),
        "var" => x.var(args.axes(), args.int_or("ddof", 0)),
        "std" => x.std(args.axes(), args.int_or("ddof", 0)),
        "median" => x.median(args.axes()),
        "all" => x.all(args.axes()),
        "any" => x.any(args.axes()),
        "logsumexp" => x.logsumexp(args.axes()),
        "count_nonzero" => x.count_nonzero(args.axes()),
        "softmax" => x.softmax(args.axes()),
        "argmax" => x.argmax(args.axes()),
        "argmin" => x.argmin(args.axes()),
        "diff" => x.diff(args.int_or("n", 1), args.int_or("axis", -1)),
        _ => return scan(op, x, args).transpose().map(|output| output.map(|output| vec![output])),
    };
    Some(one(output))
}

/// Without an axis, Python goes along all elements; with a type, it converts them first.
fn scan(op: &str, x: &Array, args: Args<'_>) -> Result<Option<Array>> {
    let x = if args.get("dtype").is_some() { x.astype(args.dtype())? } else { x.clone() };
    let (x, axis) = match args.get("axis") {
        Some(_) => (x, args.int("axis")),
        None => (x.flatten(0, -1)?, 0),
    };
    let how = Scan {
        axis,
        reverse: args.flag("reverse"),
        inclusive: args.get("inclusive").is_none_or(|value| value == true),
    };
    match op {
        "cumsum" => x.cumsum(how),
        "cumprod" => x.cumprod(how),
        "cummax" => x.cummax(how),
        "cummin" => x.cummin(how),
        "logcumsumexp" => x.logcumsumexp(how),
        _ => return Ok(None),
    }
    .map(Some)
}
