//! The names of arrays: transformers has its own, the first checkpoints and MLX's have those of the original code.

use std::collections::BTreeMap;

use mlx_core::{Array, Result as MlxResult};

/// What is replaced in names of the tower, in order.
const TOWER: [(&str, &str); 7] = [
    (".fn.dw.", "."),
    (".window_attn.norm.", ".norm1."),
    (".channel_attn.norm.", ".norm1."),
    (".window_attn.fn.", ".window_attn."),
    (".channel_attn.fn.", ".channel_attn."),
    (".ffn.norm.", ".norm2."),
    (".ffn.fn.net.", ".ffn."),
];

/// The scopes of what leads from patches to the decoder.
const PROJECTOR: [(&str, &str); 3] = [
    ("image_proj_norm", "multi_modal_projector.image_proj_norm"),
    ("image_pos_embed", "multi_modal_projector.image_position_embed"),
    ("visual_temporal_embed", "multi_modal_projector.visual_temporal_embed"),
];

/// The arrays by the names of transformers, without `model.` before them.
pub(super) fn unify(arrays: BTreeMap<String, Array>) -> MlxResult<BTreeMap<String, Array>> {
    let mut unified = BTreeMap::new();
    for (name, array) in arrays {
        let name = name.strip_prefix("model.").unwrap_or(&name);
        if name == "image_projection" {
            unified.insert("multi_modal_projector.image_projection.weight".to_owned(), array.t()?);
        } else {
            unified.insert(renamed(name), array);
        }
    }
    Ok(unified)
}

fn renamed(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("language_model.") {
        return match rest.strip_prefix("model.") {
            Some(rest) => format!("language_model.{rest}"),
            None if rest.starts_with("lm_head.") => rest.to_owned(),
            None => name.to_owned(),
        };
    }
    if name.starts_with("vision_tower.convs.") {
        return name.replace(".proj.", ".conv.");
    }
    if name.starts_with("vision_tower.") {
        return TOWER.iter().fold(name.to_owned(), |name, (from, to)| name.replace(from, to));
    }
    for (from, to) in PROJECTOR {
        if let Some(rest) = name.strip_prefix(from) {
            return format!("{to}{rest}");
        }
    }
    name.to_owned()
}
