//! What Whisper's checkpoints call their arrays, in the words of transformers.

use std::collections::BTreeMap;

use mlx_core::{Array, Result as MlxResult};

/// Arrays by the names of transformers without the leading `model.`, whatever the layout of the checkpoint, with
/// convolutions as MLX has them: `[outputs, kernel, inputs]`.
pub(super) fn unify(arrays: BTreeMap<String, Array>) -> MlxResult<BTreeMap<String, Array>> {
    let arrays = match Layout::of(&arrays) {
        Layout::Transformers => renamed(arrays, |name| name.trim_start_matches("model.").to_owned()),
        Layout::OpenAi => renamed(arrays, |name| replaced(name, OPEN_AI)),
        Layout::CTranslate2 => split(arrays)?,
    };
    arrays.into_iter().map(|(name, array)| Ok((name.clone(), turned(&name, array)?))).collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Transformers,
    /// Of OpenAI's own package and of MLX's.
    OpenAi,
    CTranslate2,
}

impl Layout {
    fn of(arrays: &BTreeMap<String, Array>) -> Self {
        if arrays.contains_key("decoder/layer_norm/gamma") {
            Self::CTranslate2
        } else if arrays.keys().any(|name| name.starts_with("encoder.blocks.")) {
            Self::OpenAi
        } else {
            Self::Transformers
        }
    }
}

fn renamed(arrays: BTreeMap<String, Array>, name: impl Fn(&str) -> String) -> BTreeMap<String, Array> {
    arrays.into_iter().map(|(old, array)| (name(&old), array)).collect()
}

fn replaced(name: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(name.to_owned(), |name, (old, new)| name.replace(old, new))
}

/// Parts of names, in the order in which they are replaced.
const OPEN_AI: &[(&str, &str)] = &[
    (".blocks.", ".layers."),
    (".cross_attn_ln.", ".encoder_attn_layer_norm."),
    (".cross_attn.", ".encoder_attn."),
    (".attn_ln.", ".self_attn_layer_norm."),
    (".attn.", ".self_attn."),
    (".query.", ".q_proj."),
    (".key.", ".k_proj."),
    (".value.", ".v_proj."),
    (".out.", ".out_proj."),
    (".mlp_ln.", ".final_layer_norm."),
    (".mlp.0.", ".fc1."),
    (".mlp.2.", ".fc2."),
    (".mlp1.", ".fc1."),
    (".mlp2.", ".fc2."),
    (".ln_post.", ".layer_norm."),
    ("decoder.ln.", "decoder.layer_norm."),
    ("token_embedding", "embed_tokens"),
    ("positional_embedding", "embed_positions.weight"),
];

const CTRANSLATE2: &[(&str, &str)] = &[
    ("self_attention/layer_norm/", "self_attn_layer_norm/"),
    ("attention/layer_norm/", "encoder_attn_layer_norm/"),
    ("ffn/layer_norm/", "final_layer_norm/"),
    ("ffn/linear_0/", "fc1/"),
    ("ffn/linear_1/", "fc2/"),
    ("position_encodings/encodings", "embed_positions/weight"),
    ("decoder/embeddings/", "decoder/embed_tokens/"),
    ("decoder/projection/", "proj_out/"),
    ("/gamma", "/weight"),
    ("/beta", "/bias"),
    ("/layer_", "/layers/"),
    ("layers/norm/", "layer_norm/"),
    ("/", "."),
];

/// CTranslate2 keeps the matrices of queries, keys and values one below the other. The biases of keys, which are zero,
/// are left out.
fn split(arrays: BTreeMap<String, Array>) -> MlxResult<BTreeMap<String, Array>> {
    let mut parts = BTreeMap::new();
    for (name, array) in arrays {
        // Numbers of heads and the like.
        if array.ndim() == 0 {
            continue;
        }
        let Some((block, linear)) = name.split_once("attention/linear_") else {
            parts.insert(replaced(&name, CTRANSLATE2), array);
            continue;
        };
        let (own, block) = match block.strip_suffix("self_") {
            Some(block) => (true, format!("{block}self_attn/")),
            None => (false, format!("{block}encoder_attn/")),
        };
        let projections: &[&str] = match (own, linear.chars().next()) {
            (true, Some('0')) => &["q_proj", "k_proj", "v_proj"],
            (false, Some('0')) => &["q_proj"],
            (false, Some('1')) => &["k_proj", "v_proj"],
            _ => &["out_proj"],
        };
        let ending = linear.trim_start_matches(|c: char| c.is_ascii_digit());
        let whole = array.split(i32::try_from(projections.len()).unwrap_or(1), 0)?;
        for (projection, part) in projections.iter().zip(whole) {
            if (*projection, ending) != ("k_proj", "/bias") {
                parts.insert(replaced(&format!("{block}{projection}{ending}"), CTRANSLATE2), part);
            }
        }
    }
    Ok(parts)
}

/// A convolution's weight, which all but MLX keep as `[outputs, inputs, kernel]`.
fn turned(name: &str, array: Array) -> MlxResult<Array> {
    let of_conv = name.starts_with("encoder.conv") && name.ends_with(".weight");
    match *array.shape() {
        [_, _, KERNEL] if of_conv => array.transpose([0, 2, 1]),
        _ => Ok(array),
    }
}

/// The length of both convolutions.
pub(in crate::whisper) const KERNEL: i32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_openai_become_those_of_transformers() {
        let name = |old| replaced(old, OPEN_AI);
        assert_eq!(name("encoder.blocks.3.attn.query.weight"), "encoder.layers.3.self_attn.q_proj.weight");
        assert_eq!(
            name("decoder.blocks.0.cross_attn.out.bias"),
            "decoder.layers.0.encoder_attn.out_proj.bias"
        );
        assert_eq!(
            name("decoder.blocks.0.cross_attn_ln.bias"),
            "decoder.layers.0.encoder_attn_layer_norm.bias"
        );
        assert_eq!(name("decoder.blocks.0.attn_ln.weight"), "decoder.layers.0.self_attn_layer_norm.weight");
        assert_eq!(name("decoder.blocks.1.mlp2.scales"), "decoder.layers.1.fc2.scales");
        assert_eq!(name("decoder.blocks.1.mlp.0.weight"), "decoder.layers.1.fc1.weight");
        assert_eq!(name("encoder.ln_post.bias"), "encoder.layer_norm.bias");
        assert_eq!(name("decoder.positional_embedding"), "decoder.embed_positions.weight");
    }

    #[test]
    fn names_of_ctranslate2_become_those_of_transformers() {
        let name = |old| replaced(old, CTRANSLATE2);
        assert_eq!(name("encoder/layer_norm/gamma"), "encoder.layer_norm.weight");
        assert_eq!(name("encoder/layer_0/ffn/linear_1/weight"), "encoder.layers.0.fc2.weight");
        assert_eq!(
            name("decoder/layer_5/attention/layer_norm/beta"),
            "decoder.layers.5.encoder_attn_layer_norm.bias"
        );
        assert_eq!(
            name("decoder/layer_5/self_attention/layer_norm/beta"),
            "decoder.layers.5.self_attn_layer_norm.bias"
        );
        assert_eq!(name("decoder/layer_5/ffn/layer_norm/beta"), "decoder.layers.5.final_layer_norm.bias");
    }
}
