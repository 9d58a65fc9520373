//! The names of Kyutai's own files of Mimi.

use std::collections::BTreeMap;

use mlx_core::{Array, Result};

/// Parts of Kyutai's names, and what transformers calls them. Each is replaced in what those before it left.
const NAMES: [(&str, &str); 20] = [
    ("encoder.model.", "encoder.layers."),
    ("decoder.model.", "decoder.layers."),
    ("_transformer.transformer.", "_transformer."),
    (".conv.conv.conv.", ".conv."),
    (".conv.conv.", ".conv."),
    (".convtr.convtr.convtr.", ".conv."),
    (".convtr.convtr.", ".conv."),
    (".out_proj.", ".o_proj."),
    (".linear1.", ".mlp.fc1."),
    (".linear2.", ".mlp.fc2."),
    (".norm1.", ".input_layernorm."),
    (".norm2.", ".post_attention_layernorm."),
    (".layer_scale_1.", ".self_attn_layer_scale."),
    (".layer_scale_2.", ".mlp_layer_scale."),
    (".rvq_first.", ".semantic_residual_vector_quantizer."),
    (".rvq_rest.", ".acoustic_residual_vector_quantizer."),
    (".vq.layers.", ".layers."),
    ("._codebook.", ".codebook."),
    (".embedding_sum", ".embed_sum"),
    (".codebook._", ".codebook."),
];

/// Arrays under the names of transformers; those that have them already are left as they are.
pub(super) fn renamed(arrays: BTreeMap<String, Array>, heads: i32) -> Result<BTreeMap<String, Array>> {
    if !arrays.keys().any(|key| key.contains("._codebook.")) {
        return Ok(arrays);
    }
    let mut renamed = BTreeMap::new();
    for (key, array) in arrays {
        let name = NAMES.iter().fold(key, |name, (theirs, ours)| name.replace(theirs, ours));
        match name.strip_suffix("in_proj_weight") {
            None => drop(renamed.insert(name, array)),
            Some(layer) => {
                for (part, rows) in ["q_proj", "k_proj", "v_proj"].into_iter().zip(array.split(3, 0)?) {
                    let rows = if part == "v_proj" { rows } else { in_halves(&rows, heads)? };
                    renamed.insert(format!("{layer}{part}.weight"), rows);
                }
            }
        }
    }
    Ok(renamed)
}

/// Rows of which positions turn pairs of neighbours, so that they turn each of the first half of a head with one of the
/// second.
fn in_halves(rows: &Array, heads: i32) -> Result<Array> {
    let [_, width] = rows.dims()?;
    rows.reshape([heads, -1, 2, width])?.swapaxes(1, 2)?.reshape([-1, width])
}
