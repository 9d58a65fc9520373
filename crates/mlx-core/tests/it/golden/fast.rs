//! The fused ops of transformers.

use mlx_core::fast::{self, Mask, Rope};
use mlx_core::{Array, Result};

use super::{Args, holds, one};

#[test]
fn fused_ops_agree_with_python() {
    holds("fast", 425, run);
}

fn run(op: &str, inputs: &[Array], args: Args<'_>) -> Option<Result<Vec<Array>>> {
    let x = &inputs[0];
    let eps = || args.float("eps") as f32;
    let output = match op {
        "rms_norm" => fast::rms_norm(x, inputs.get(1), eps()),
        "layer_norm" => fast::layer_norm(x, inputs.get(1), inputs.get(2), eps()),
        "rope" => fast::rope(x, rotation(args, None)),
        "rope_freqs" => fast::rope(x, rotation(args, inputs.get(1))),
        "rope_at" => fast::rope_dynamic(x, rotation(args, None), &inputs[1]),
        "cross_entropy" => fast::cross_entropy(x, &inputs[1]),
        _ => attention(op, inputs, args.float("scale") as f32)?,
    };
    Some(one(output))
}

fn rotation<'a>(args: Args<'_>, freqs: Option<&'a Array>) -> Rope<'a> {
    Rope {
        dims: args.int("dims"),
        traditional: args.flag("traditional"),
        base: args.get("base").map(|_| args.float("base") as f32),
        scale: args.float("scale") as f32,
        offset: args.int_or("offset", 0),
        freqs,
    }
}

fn attention(op: &str, inputs: &[Array], scale: f32) -> Option<Result<Array>> {
    let [q, k, v, rest @ ..] = inputs else { return None };
    let (mask, sinks) = match (op, rest) {
        ("attention", [mask]) => (Mask::Array(mask), None),
        ("attention", _) => (Mask::None, None),
        ("causal_attention", _) => (Mask::Causal, None),
        ("attention_sinks", [sinks]) => (Mask::None, Some(sinks)),
        _ => return None,
    };
    Some(fast::scaled_dot_product_attention(q, k, v, scale, mask, sinks))
}
