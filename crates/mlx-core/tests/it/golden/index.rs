//! Indexing, and ops that pick elements by index or put them there.

use mlx_core::{Array, Index, NewAxis, Result};

use super::recipe::slice;
use super::{Args, holds, one};

#[test]
fn indexing_agrees_with_python() {
    holds("index", 1155, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    let output = match op {
        "index" => x.index(parse(inputs, args)),
        "take" => x.take(&inputs[1], args.axes()),
        "take_along_axis" => x.take_along_axis(&inputs[1], args.axes()),
        "put_along_axis" => x.put_along_axis(&inputs[1], &inputs[2], args.axes()),
        "slice" => x.slice_dynamic(&inputs[1], args.ints("axes"), args.ints("slice_size")),
        "slice_update" => x.slice_update_dynamic(&inputs[1], &inputs[2], args.ints("axes")),
        _ => changed(op, inputs, args)?,
    };
    Some(one(output))
}

fn changed(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Array>> {
    let (part, value) = (inputs[0].at(parse(inputs, args)), &inputs[1]);
    Some(match op {
        "at_set" => part.set(value),
        "at_add" => part.add(value),
        "at_subtract" => part.subtract(value),
        "at_multiply" => part.multiply(value),
        "at_divide" => part.divide(value),
        "at_maximum" => part.maximum(value),
        "at_minimum" => part.minimum(value),
        _ => return None,
    })
}

/// An index as Python writes it; `@1` is the second input.
fn parse(inputs: &[Array], args: Args<'_>) -> Vec<Index> {
    let entry = |text: &str| match text {
        "None" => NewAxis.into(),
        "..." => Index::Ellipsis,
        text if text.contains(':') => slice(text).into(),
        text => match text.strip_prefix('@') {
            Some(input) => (&inputs[input.parse::<usize>().unwrap()]).into(),
            None => Index::At(text.parse().unwrap()),
        },
    };
    args.text("index").split(',').map(entry).collect()
}
