//! Matrices in a few bits an element; each op quantizes its matrix first.

use mlx_core::{Array, MatrixIndices, Quantization, QuantizationMode, Quantized, QuantizedFactor, Result};

use super::{Args, holds, one};

#[test]
fn quantized_matrices_agree_with_python() {
    holds("quantized", 501, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    Some(match op {
        "quantize" => {
            Quantized::of(x, scheme(args)).map(|q| [q.weight, q.scales].into_iter().chain(q.biases).collect())
        }
        "quantize_scaled" => quantize_scaled(x, &inputs[1]),
        "dequantize" => one(Quantized::of(x, scheme(args)).and_then(|q| q.dequantize(Some(x.dtype())))),
        "quantized_matmul" => one(Quantized::of(&inputs[1], scheme(args)).and_then(|weight| {
            x.quantized_matmul(QuantizedFactor { weight: &weight, transpose: args.flag("transpose") })
        })),
        "gather_qmm" => one(Quantized::of(&inputs[1], scheme(args)).and_then(|weight| {
            x.gather_qmm(&weight, MatrixIndices { lhs: inputs.get(3), rhs: inputs.get(2), sorted: false })
        })),
        "qqmm" => one(qqmm(x, &inputs[1], scheme(args))),
        _ => return None,
    })
}

/// The factor keeps numbers from ties, which MLX rounds in two ways.
fn qqmm(x: &Array, w: &Array, scheme: Quantization) -> Result<Array> {
    (x * 0.77)?.qqmm(&Quantized::of(&(w * 0.77)?, scheme)?, None)
}

/// The parts, and what they stand for.
fn quantize_scaled(x: &Array, scale: &Array) -> Result<Vec<Array>> {
    let quantized = Quantized::of_scaled(x, scale)?;
    let back = quantized.dequantize_scaled(scale, Some(x.dtype()))?;
    Ok(vec![quantized.weight, quantized.scales, back])
}

fn scheme(args: Args<'_>) -> Quantization {
    Quantization {
        mode: QuantizationMode::named(args.text("mode")).unwrap(),
        bits: args.int("bits"),
        group_size: args.int("group_size"),
    }
}
