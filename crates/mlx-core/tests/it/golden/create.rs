//! Arrays from nothing, and arrays in another type.

use mlx_core::{Array, Interval, Result, Steps};

use super::{Args, holds, one};

#[test]
fn arrays_from_nothing_and_in_another_type_agree_with_python() {
    holds("create", 951, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let output = if inputs.is_empty() { created(op, args)? } else { from_another(op, inputs, args)? };
    Some(one(output))
}

fn created(op: &str, args: Args<'_>) -> Option<Result<Array>> {
    Some(match op {
        "zeros" => Array::zeros(args.ints("shape"), args.dtype()),
        "ones" => Array::ones(args.ints("shape"), args.dtype()),
        "full" => Array::full(args.ints("shape"), args.scalar("vals").unwrap(), args.dtype()),
        "eye" => Array::eye([args.int("n"), args.int("m")], args.int("k"), args.dtype()),
        "tri" => Array::tri([args.int("n"), args.int("m")], args.int("k"), args.dtype()),
        "identity" => Array::identity(args.int("n"), args.dtype()),
        "arange" => Array::arange(Steps {
            start: args.float("start"),
            stop: args.float("stop"),
            step: args.float("step"),
            dtype: args.dtype(),
        }),
        "linspace" => {
            let (start, stop) = (args.float("start"), args.float("stop"));
            let ends =
                if args.flag("endpoint") { Interval::from(start..=stop) } else { (start..stop).into() };
            Array::linspace(ends, args.int("num"), args.dtype())
        }
        "bartlett" => Array::bartlett(args.int("M")),
        "blackman" => Array::blackman(args.int("M")),
        "hamming" => Array::hamming(args.int("M")),
        "hanning" => Array::hanning(args.int("M")),
        _ => return None,
    })
}

fn from_another(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Array>> {
    let x = &inputs[0];
    Some(match op {
        "astype" => x.astype(args.dtype()),
        "view" => x.view(args.dtype()),
        "zeros_like" => x.zeros_like(),
        "ones_like" => x.ones_like(),
        "full_like" => x.full_like(args.scalar("vals").unwrap()),
        "full_like_array" => x.full_like(&inputs[1]),
        "to_fp8" => x.to_fp8(),
        "from_fp8" => x.from_fp8(args.dtype()),
        _ => return None,
    })
}
