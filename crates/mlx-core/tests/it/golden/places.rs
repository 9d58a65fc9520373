//! Blocks that are read and written where index arrays say; NumPy made this data.

use mlx_core::{Array, Result, Update};

use super::{Args, holds, one};

#[test]
fn blocks_at_places_agree_with_numpy() {
    holds("places", 298, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    let output = match op {
        "gather" => x.gather(places(&inputs[1..], args), args.ints("sizes")),
        "scatter_add_axis" => x.scatter_add_axis(&inputs[1], &inputs[2], args.axes()),
        _ => x.scatter(places(&inputs[2..], args), &inputs[1], update(op)?),
    };
    Some(one(output))
}

/// Each index array with its axis.
fn places<'a>(indices: &'a [Array], args: Args<'_>) -> Vec<(i32, &'a Array)> {
    args.ints("axes").into_iter().zip(indices).collect()
}

fn update(op: &str) -> Option<Update> {
    Some(match op {
        "scatter_set" => Update::Set,
        "scatter_add" => Update::Add,
        "scatter_multiply" => Update::Multiply,
        "scatter_maximum" => Update::Maximum,
        "scatter_minimum" => Update::Minimum,
        _ => return None,
    })
}
