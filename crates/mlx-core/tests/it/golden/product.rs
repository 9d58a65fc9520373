//! Products of matrices and tensors, and convolutions.

use mlx_core::{
    Array, BlockMasks, Contraction, Conv, ConvGeneral, ConvTranspose, ConvolveMode, MatrixIndices, Result,
    einsum, einsum_path,
};
use serde_json::Value;

use super::{Args, holds, one};

#[test]
fn products_agree_with_python() {
    holds("product", 671, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    if op == "einsum_path" {
        return Some(steps(inputs, args));
    }
    matrices(op, inputs, args).or_else(|| convolutions(op, inputs, args)).map(one)
}

/// The operands of each step.
fn steps(inputs: &[Array], args: Args<'_>) -> Result<Vec<Array>> {
    let steps = einsum_path(args.text("subscripts"), inputs)?.steps;
    let array = |step: Vec<usize>| {
        let places: Vec<i32> = step.into_iter().map(|place| i32::try_from(place).unwrap()).collect();
        Array::from_slice(&places, [places.len() as i32])
    };
    steps.into_iter().map(array).collect()
}

fn matrices(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Array>> {
    let x = &inputs[0];
    Some(match op {
        "matmul" => x.matmul(&inputs[1]),
        "addmm" => {
            let (alpha, beta) = (args.float_or("alpha", 1.0) as f32, args.float_or("beta", 1.0) as f32);
            x.addmm(&inputs[1], &inputs[2], alpha, beta)
        }
        "inner" => x.inner(&inputs[1]),
        "outer" => x.outer(&inputs[1]),
        "vecdot" => x.vecdot(&inputs[1], args.int_or("axis", -1)),
        "tensordot" => x.tensordot(&inputs[1], contraction(args)),
        "einsum" => einsum(args.text("subscripts"), inputs),
        "gather_mm" => {
            let sorted = args.flag("sorted_indices");
            x.gather_mm(&inputs[1], MatrixIndices { lhs: inputs.get(2), rhs: inputs.get(3), sorted })
        }
        "segmented_mm" => x.segmented_mm(&inputs[1], &inputs[2]),
        "block_masked_mm" => x.block_masked_mm(&inputs[1], args.int("block_size"), masks(&inputs[2..], args)),
        "hadamard_transform" => x.hadamard_transform(args.get("scale").map(|_| args.float("scale") as f32)),
        _ => return None,
    })
}

fn contraction(args: Args<'_>) -> Contraction {
    match args.get("axes").unwrap() {
        Value::Array(sides) => {
            let side = |axes: &Value| serde_json::from_value(axes.clone()).unwrap();
            Contraction::Axes(side(&sides[0]), side(&sides[1]))
        }
        _ => Contraction::Count(args.int("axes")),
    }
}

fn masks<'a>(arrays: &'a [Array], args: Args<'_>) -> BlockMasks<'a> {
    let names = args.get("masks").unwrap().as_array().unwrap();
    let named = |name: &str| names.iter().position(|given| given == name).map(|at| &arrays[at]);
    BlockMasks { out: named("out"), lhs: named("lhs"), rhs: named("rhs") }
}

fn convolutions(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Array>> {
    let (x, weight) = (&inputs[0], &inputs[1]);
    Some(match op {
        "convolve" => x.convolve(
            weight,
            match args.text("mode") {
                "same" => ConvolveMode::Same,
                "valid" => ConvolveMode::Valid,
                _ => ConvolveMode::Full,
            },
        ),
        "conv1d" => x.conv1d(weight, conv(args)),
        "conv2d" => x.conv2d(weight, conv(args)),
        "conv3d" => x.conv3d(weight, conv(args)),
        "conv_transpose1d" => x.conv_transpose1d(weight, conv_transpose(args)),
        "conv_transpose2d" => x.conv_transpose2d(weight, conv_transpose(args)),
        "conv_transpose3d" => x.conv_transpose3d(weight, conv_transpose(args)),
        "conv_general" => x.conv_general(weight, conv_general(args)),
        _ => return None,
    })
}

fn conv<const N: usize>(args: Args<'_>) -> Conv<N> {
    Conv {
        stride: args.each("stride", 1),
        padding: args.each("padding", 0),
        dilation: args.each("dilation", 1),
        groups: args.int_or("groups", 1),
    }
}

fn conv_transpose<const N: usize>(args: Args<'_>) -> ConvTranspose<N> {
    ConvTranspose {
        stride: args.each("stride", 1),
        padding: args.each("padding", 0),
        dilation: args.each("dilation", 1),
        output_padding: args.each("output_padding", 0),
        groups: args.int_or("groups", 1),
    }
}

/// `padding` is a number, one for each axis, or those before and those after.
fn conv_general(args: Args<'_>) -> ConvGeneral<2> {
    let (padding_lo, padding_hi) = match args.get("padding") {
        Some(sides) if sides[0].is_array() => serde_json::from_value(sides.clone()).unwrap(),
        _ => (args.each("padding", 0), args.each("padding", 0)),
    };
    ConvGeneral {
        stride: args.each("stride", 1),
        padding_lo,
        padding_hi,
        kernel_dilation: args.each("kernel_dilation", 1),
        input_dilation: args.each("input_dilation", 1),
        groups: args.int_or("groups", 1),
        flip: args.flag("flip"),
    }
}
