//! Ops that arrange elements anew, join arrays and take them apart.

use mlx_core::{
    Array, Diagonal, Indexing, PadMode, Result, Scalar, broadcast_arrays, broadcast_shapes, concatenate,
    meshgrid, select, stack,
};
use serde_json::Value;

use super::{Args, holds, one};

#[test]
fn ops_that_arrange_elements_agree_with_python() {
    holds("shape", 1393, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    if op == "broadcast_shapes" {
        return Some(one(broadcast_shape(args)));
    }
    if let Some(outputs) = several(op, inputs, args) {
        return Some(outputs);
    }
    let x = &inputs[0];
    arranged(op, x, args).or_else(|| cut(op, x, args)).or_else(|| joined(op, inputs, args)).map(one)
}

fn broadcast_shape(args: Args<'_>) -> Result<Array> {
    let shapes: Vec<Vec<i32>> = serde_json::from_value(args.get("shapes").unwrap().clone()).unwrap();
    let shape = broadcast_shapes(shapes.iter().map(Vec::as_slice))?;
    Array::from_slice(&shape, [shape.len() as i32])
}

fn several(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    Some(match op {
        "split" => match args.get("indices_or_sections") {
            Some(Value::Array(_)) => inputs[0].split_at(args.ints("indices_or_sections"), args.int("axis")),
            _ => inputs[0].split(args.int("indices_or_sections"), args.int("axis")),
        },
        "unstack" => inputs[0].unstack(args.int("axis")),
        "broadcast_arrays" => broadcast_arrays(inputs),
        "meshgrid" => {
            let is_ij = args.get("indexing").is_some_and(|indexing| indexing == "ij");
            meshgrid(inputs, args.flag("sparse"), if is_ij { Indexing::Ij } else { Indexing::Xy })
        }
        _ => return None,
    })
}

fn arranged(op: &str, x: &Array, args: Args<'_>) -> Option<Result<Array>> {
    Some(match op {
        "reshape" => x.reshape(args.ints("shape")),
        "transpose" => x.transpose(args.ints("axes")),
        "swapaxes" => x.swapaxes(args.int("axis1"), args.int("axis2")),
        "moveaxis" => x.moveaxis(args.int("source"), args.int("destination")),
        "expand_dims" => x.expand_dims(args.axes()),
        "squeeze" => x.squeeze(args.axes()),
        "flatten" => x.flatten(args.int("start_axis"), args.int("end_axis")),
        "unflatten" => x.unflatten(args.int("axis"), args.ints("shape")),
        "broadcast_to" => x.broadcast_to(args.ints("shape")),
        "repeat" => x.repeat(args.int("repeats"), args.int("axis")),
        "tile" => x.tile(args.ints("reps")),
        "flip" => x.flip(args.axes()),
        "roll" => x.roll(args.int("shift"), args.axes()),
        "atleast_1d" => x.atleast_1d(),
        "atleast_2d" => x.atleast_2d(),
        "atleast_3d" => x.atleast_3d(),
        "contiguous" => x.contiguous(false),
        "stop_gradient" => x.stop_gradient(),
        "as_strided" => {
            let strides: Vec<i64> = args.ints("strides").into_iter().map(i64::from).collect();
            x.as_strided(args.ints("shape"), &strides, args.int("offset") as usize)
        }
        _ => return None,
    })
}

fn cut(op: &str, x: &Array, args: Args<'_>) -> Option<Result<Array>> {
    let diagonal = || Diagonal { offset: args.int("offset"), axes: [args.int("axis1"), args.int("axis2")] };
    Some(match op {
        "tril" => x.tril(args.int("k")),
        "triu" => x.triu(args.int("k")),
        "diag" => x.diag(args.int("k")),
        "diagonal" => x.diagonal(diagonal()),
        "trace" => x.trace(diagonal()),
        "pad" => {
            let mode = match args.text("mode") {
                "edge" => PadMode::Edge,
                "reflect" => PadMode::Reflect,
                "symmetric" => PadMode::Symmetric,
                _ => PadMode::Constant(args.scalar("value").unwrap_or(Scalar::Int(0))),
            };
            x.pad(widths(args), mode)
        }
        _ => return None,
    })
}

/// Axis, before and after of each entry.
fn widths(args: Args<'_>) -> Vec<(i32, i32, i32)> {
    let entries = args.get("widths").unwrap().as_array().unwrap();
    let number = |value: &Value| i32::try_from(value.as_i64().unwrap()).unwrap();
    entries.iter().map(|entry| (number(&entry[0]), number(&entry[1]), number(&entry[2]))).collect()
}

fn joined(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Array>> {
    Some(match op {
        "concatenate" => concatenate(inputs, args.int("axis")),
        "stack" => stack(inputs, args.int("axis")),
        "where" => match args.scalar("other") {
            Some(number) => select(&inputs[0], &inputs[1], number),
            None => select(&inputs[0], &inputs[1], &inputs[2]),
        },
        "kron" => inputs[0].kron(&inputs[1]),
        _ => return None,
    })
}
