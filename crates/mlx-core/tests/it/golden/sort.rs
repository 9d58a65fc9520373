//! Ordering. MLX does not define the order within the parts of a partition: they are sorted here and in the data.

use mlx_core::{Array, Result, Side, concatenate};

use super::{Args, holds, one};

#[test]
fn ordering_agrees_with_python() {
    holds("sort", 306, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    let output = match op {
        "sort" => x.sort(args.axes()),
        "argsort" => x.argsort(args.axes()),
        "partition" => partition(x, args.int("kth"), args.int("axis")),
        "argpartition" => argpartition(x, args.int("kth"), args.int("axis")),
        "topk" => x.topk(args.int("k"), args.axes()).and_then(|top| top.sort(args.axes())),
        "searchsorted" => {
            let side = if args.text("side") == "right" { Side::Right } else { Side::Left };
            x.searchsorted(&inputs[1], side)
        }
        _ => return None,
    };
    Some(one(output))
}

/// `kth` counted from the front.
fn place(x: &Array, kth: i32, axis: i32) -> Result<i32> {
    Ok(kth.rem_euclid(x.dim(axis)?))
}

fn partition(x: &Array, kth: i32, axis: i32) -> Result<Array> {
    let at = place(x, kth, axis)?;
    let parts = x.partition(kth, axis)?.split_at([at, at + 1], axis)?;
    let sorted: Vec<_> = parts.iter().map(|part| part.sort(axis)).collect::<Result<_>>()?;
    concatenate(&sorted, axis)
}

fn argpartition(x: &Array, kth: i32, axis: i32) -> Result<Array> {
    let at = place(x, kth, axis)?;
    let parts = x.argpartition(kth, axis)?.split_at([at], axis)?;
    parts[0].sort(axis)
}
