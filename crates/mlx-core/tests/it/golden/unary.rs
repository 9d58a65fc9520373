//! Ops of one array, element by element.

use mlx_core::{Array, NanToNum, Result};

use super::{Args, holds, one};

#[test]
fn ops_of_one_array_agree_with_python() {
    holds("unary", 1159, run);
}

macro_rules! methods {
    ($op:expr, $x:expr, $($name:ident),* $(,)?) => {
        match $op {
            $(stringify!($name) => Some($x.$name()),)*
            _ => None,
        }
    };
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    let output = match (op, plain(op, x)) {
        (_, Some(output)) => output,
        ("negative", _) => -x,
        ("round", _) => x.round(args.int_or("decimals", 0)),
        ("nan_to_num", _) => {
            let end = |name| args.get(name).map(|_| args.float(name) as f32);
            let nan = args.float_or("nan", 0.0) as f32;
            x.nan_to_num(NanToNum { nan, posinf: end("posinf"), neginf: end("neginf") })
        }
        ("clip", _) => match (args.scalar("low"), args.scalar("high")) {
            (Some(low), Some(high)) => x.clip(low..=high),
            (Some(low), None) => x.clip(low..),
            (None, Some(high)) => x.clip(..=high),
            (None, None) => Ok(x.clone()),
        },
        ("clip_arrays", _) => x.clip(&inputs[1]..=&inputs[2]),
        _ => return None,
    };
    Some(one(output))
}

/// The ops without other arguments.
fn plain(op: &str, x: &Array) -> Option<Result<Array>> {
    methods!(
        op,
        x,
        abs,
        arccos,
        arccosh,
        arcsin,
        arcsinh,
        arctan,
        arctanh,
        bitwise_invert,
        ceil,
        conjugate,
        cos,
        cosh,
        degrees,
        erf,
        erfinv,
        exp,
        expm1,
        floor,
        imag,
        isfinite,
        isinf,
        isnan,
        isneginf,
        isposinf,
        log,
        log10,
        log1p,
        log2,
        logical_not,
        radians,
        real,
        reciprocal,
        rsqrt,
        sigmoid,
        sign,
        sin,
        sinh,
        sqrt,
        square,
        stop_gradient,
        tan,
        tanh,
        trunc,
    )
}
