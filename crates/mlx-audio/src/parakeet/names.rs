//! The names of NeMo for the arrays of all checkpoints, whose convolutions become matrices.

use std::collections::BTreeMap;

use mlx_core::Array;

use crate::Result;

/// Names of transformers, and those of NeMo.
const NAMES: &[(&str, &str)] = &[
    ("encoder.subsampling.layers.", "encoder.pre_encode.conv."),
    ("encoder.subsampling.linear.", "encoder.pre_encode.out."),
    (".self_attn.q_proj.", ".self_attn.linear_q."),
    (".self_attn.k_proj.", ".self_attn.linear_k."),
    (".self_attn.v_proj.", ".self_attn.linear_v."),
    (".self_attn.o_proj.", ".self_attn.linear_out."),
    (".self_attn.relative_k_proj.", ".self_attn.linear_pos."),
    (".self_attn.bias_", ".self_attn.pos_bias_"),
    (".conv.norm.", ".conv.batch_norm."),
    ("ctc_head.", "decoder.decoder_layers.0."),
    ("encoder_projector.", "joint.enc."),
    ("decoder.decoder_projector.", "joint.pred."),
    ("joint.head.", "joint.joint_net.2."),
    ("decoder.embedding.", "decoder.prediction.embed."),
    ("decoder.lstm.", "decoder.prediction.dec_rnn.lstm."),
];

/// Convolutions along time alone.
const CONVOLUTIONS: &[&str] = &[
    ".pointwise_conv1.weight",
    ".depthwise_conv.weight",
    ".pointwise_conv2.weight",
    ".decoder_layers.0.weight",
];

/// What PyTorch calls the weights of a layer of long short-term memory, and what MLX does.
const MEMORY: &[(&str, &str)] =
    &[("weight_ih_l", "Wx"), ("weight_hh_l", "Wh"), ("bias_ih_l", "bias"), ("bias_hh_l", "bias")];

/// The arrays by their names in NeMo. A convolution `[outputs, …]` is a matrix `[outputs, inputs · kernel]`, which is the
/// same for both orders of axes, as either the inputs or the kernel are one.
pub(super) fn unify(arrays: BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>> {
    let mut unified: BTreeMap<String, Array> = BTreeMap::new();
    for (name, array) in arrays {
        let name = NAMES.iter().fold(name, |name, (theirs, ours)| name.replace(theirs, ours));
        let name = of_memory(&name).unwrap_or(name);
        let is_conv = name.starts_with("encoder.pre_encode.conv.") && name.ends_with(".weight")
            || CONVOLUTIONS.iter().any(|conv| name.ends_with(conv));
        let array = match *array.shape() {
            [outputs, ..] if is_conv && outputs > 0 => array.reshape([outputs, -1])?,
            _ => array,
        };
        // PyTorch has two biases where one is enough.
        let array = match unified.get(&name) {
            Some(other) => (other + array)?,
            None => array,
        };
        unified.insert(name, array);
    }
    Ok(unified)
}

fn of_memory(name: &str) -> Option<String> {
    MEMORY.iter().find_map(|(theirs, ours)| {
        let (path, layer) = name.split_once(theirs)?;
        layer.parse::<usize>().ok().map(|layer| format!("{path}{layer}.{ours}"))
    })
}

#[cfg(test)]
mod tests {
    use mlx_core::Dtype;

    use super::*;

    #[test]
    fn names_of_transformers_become_those_of_nemo() {
        let ones = |shape: &[i32]| Array::ones(shape, Dtype::Float32).unwrap();
        let arrays = [
            ("encoder.subsampling.layers.3.weight", ones(&[4, 4, 1, 1])),
            ("encoder.layers.0.self_attn.bias_u", ones(&[2, 3])),
            ("encoder.layers.0.conv.depthwise_conv.weight", ones(&[6, 1, 9])),
            ("decoder.lstm.weight_hh_l1", ones(&[8, 2])),
            ("decoder.lstm.bias_ih_l1", ones(&[8])),
            ("decoder.lstm.bias_hh_l1", ones(&[8])),
        ];
        let unified = unify(arrays.map(|(name, array)| (name.to_owned(), array)).into()).unwrap();
        let found: Vec<_> = unified.iter().map(|(name, array)| (name.as_str(), array.shape())).collect();
        assert_eq!(
            found,
            [
                ("decoder.prediction.dec_rnn.lstm.1.Wh", &[8, 2][..]),
                ("decoder.prediction.dec_rnn.lstm.1.bias", &[8]),
                ("encoder.layers.0.conv.depthwise_conv.weight", &[6, 9]),
                ("encoder.layers.0.self_attn.pos_bias_u", &[2, 3]),
                ("encoder.pre_encode.conv.3.weight", &[4, 4]),
            ]
        );
        let bias = unified["decoder.prediction.dec_rnn.lstm.1.bias"].to_vec::<f32>().unwrap();
        assert_eq!(bias, [2.0; 8]);
    }
}
