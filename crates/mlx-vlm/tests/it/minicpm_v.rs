//! MiniCPM-V 4.6 against transformers, and 4.5 against mlx-vlm.

use mlx_core::{Array, Dtype};
use serde_json::json;

use crate::conversations::Family;
use crate::stored::{refused, stored};

#[test]
fn minicpm_v_sees_what_transformers_sees() {
    Family::open("minicpmv4.6").check();
}

#[test]
fn minicpm_v_that_merges_behind_the_tower_alone_sees_what_transformers_sees() {
    Family::open("minicpmv4.6-4x").check();
}

/// Names of MLX.
const MLX: &[(&str, &str)] = &[
    ("model.vision_tower.vit_merger.", "vit_merger."),
    ("model.vision_tower.", "vision_tower."),
    ("model.merger.", "merger."),
    ("model.language_model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
];

/// Norms of the decoder that checkpoints of its authors store less 1.
const NORMS: &[&str] =
    &["input_layernorm", "post_attention_layernorm", "q_norm", "k_norm", "language_model.norm"];

/// An array as MLX stores it.
fn of_mlx(name: &str, array: Array) -> (String, Array) {
    let is_norm = NORMS.iter().any(|norm| name.ends_with(&format!("{norm}.weight")));
    let array = match array.ndim() {
        4 => array.transpose([0, 2, 3, 1]).unwrap().contiguous(false).unwrap(),
        3 => array.transpose([0, 2, 1]).unwrap().contiguous(false).unwrap(),
        _ if is_norm => (array.astype(Dtype::Float32).unwrap() + 1.0).unwrap(),
        _ => array,
    };
    let found = MLX.iter().find_map(|(old, new)| Some(format!("{new}{}", name.strip_prefix(old)?)));
    (found.unwrap_or_else(|| name.to_owned()), array)
}

#[test]
fn minicpm_v_is_read_as_mlx_stores_it() {
    let copy = stored("minicpmv4.6", of_mlx);
    Family::of("minicpmv4.6", copy.path().to_owned()).check();
}

#[test]
fn minicpm_v_with_a_resampler_sees_what_mlx_vlm_sees() {
    Family::open("minicpmv4.5").check();
}

#[test]
fn minicpm_v_with_a_resampler_is_read_by_the_names_of_mlx_with_channels_last() {
    let copy = stored("minicpmv4.5", |name, array| {
        let name = name.replacen("llm.", "language_model.", 1).replacen("vpm.", "vision_tower.", 1);
        let array = match array.ndim() {
            4 => array.transpose([0, 2, 3, 1]).unwrap().contiguous(false).unwrap(),
            _ => array,
        };
        (name, array)
    });
    Family::of("minicpmv4.5", copy.path().to_owned()).check();
}

#[test]
fn minicpm_v_with_a_resampler_says_what_cannot_be() {
    for (field, value, expected) in [
        ("/query_num", json!(0), "query_num is 0"),
        ("/hidden_size", json!(0), "hidden_size"),
        ("/version", json!(9), "model type `minicpmv` is not supported"),
        ("/vision_config/patch_size", json!(2), "patches are not of 2 pixels"),
        ("/vision_config/model_type", json!("resnet"), "model_type `resnet` is not supported"),
    ] {
        let error = refused("minicpmv4.5", field, value);
        assert!(error.contains(expected), "{field}: {error}");
    }
}

#[test]
fn what_cannot_be_is_one_error_that_names_it() {
    for (field, value, expected) in [
        ("/downsample_mode", json!("2x"), "downsample_mode `2x`"),
        ("/downsample_mode", json!("4x"), "the tower takes [4, 8] (downsample_mode)"),
        ("/insert_layer_id", json!(2), "insert_layer_id is 2: the tower has 2 layers"),
        ("/insert_layer_id", json!(-1), "insert_layer_id is -1"),
        ("/merger_times", json!(2), "merger_times is 2"),
        ("/merge_kernel_size", json!([2, 1]), "merge_kernel_size is 2 x 1"),
        ("/image_token_id", json!(null), "image_token_id is missing"),
        ("/vision_config/patch_size", json!(0), "patch_size is 0"),
        ("/vision_config/patch_size", json!(2), "the tower takes [2, 8]"),
        ("/vision_config/intermediate_size", json!(1 << 18), "intermediate_size is 262144"),
        ("/vision_config/window_kernel_size", json!([4, 4]), "window_kernel_size is 4 x 4"),
        ("/vision_config/num_attention_heads", json!(3), "heads must divide the width"),
    ] {
        let error = refused("minicpmv4.6", field, value);
        assert!(error.contains(expected), "{field}: {error}");
    }
}
