//! Checkpoints of Qwen-VL, GLM-V and PaddleOCR-VL by other names, and such as cannot be.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlx_core::io::{load_safetensors, save_safetensors};
use mlx_core::{Array, Precision, concatenate};
use mlx_vlm::VisionLanguageModel;
use mlx_vlm::mlx_hub::Source;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::conversations::{Family, folder};

type Arrays = BTreeMap<String, Array>;

/// The golden checkpoint `name` with other arrays and another config.
fn respelled(name: &str, arrays: impl FnOnce(Arrays) -> Arrays, config: impl FnOnce(&mut Value)) -> TempDir {
    let copy = TempDir::new().unwrap();
    for file in fs::read_dir(folder(name)).unwrap().map(|file| file.unwrap().path()) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let read = load_safetensors(folder(name).join("model.safetensors")).unwrap();
    let written = arrays(read.arrays);
    let named = written.iter().map(|(name, array)| (name.as_str(), array));
    save_safetensors(copy.path().join("model.safetensors"), named, &read.metadata).unwrap();
    let path = copy.path().join("config.json");
    let mut whole = json_at(&path);
    config(&mut whole);
    fs::write(path, whole.to_string()).unwrap();
    copy
}

fn json_at(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Arrays whose names begin otherwise, by the first of the beginnings that fits.
fn renamed(arrays: Arrays, beginnings: &[(&str, &str)]) -> Arrays {
    let name = |name: String| {
        let found =
            beginnings.iter().find_map(|(old, new)| Some(format!("{new}{}", name.strip_prefix(old)?)));
        found.unwrap_or(name)
    };
    arrays.into_iter().map(|(old, array)| (name(old), array)).collect()
}

/// Convolutions as MLX stores them, channels last.
fn channels_last(arrays: Arrays) -> Arrays {
    let turned = |array: &Array| match array.ndim() {
        5 => array.transpose([0, 2, 3, 4, 1]),
        4 => array.transpose([0, 2, 3, 1]),
        _ => Ok(array.clone()),
    };
    let stored = |array: Array| turned(&array).unwrap().contiguous(false).unwrap();
    arrays.into_iter().map(|(name, array)| (name, stored(array))).collect()
}

/// A config whose decoder has no part of its own.
fn flat(config: &mut Value) {
    let text = config.as_object_mut().unwrap().remove("text_config").unwrap();
    for (name, value) in text.as_object().unwrap() {
        if name != "model_type" {
            config[name] = value.clone();
        }
    }
}

fn check(name: &str, copy: &TempDir) {
    Family::of(name, copy.path().to_owned()).check();
}

const NEW: &[(&str, &str)] = &[("visual.", "model.visual."), ("model.", "model.language_model.")];

const MLX: &[(&str, &str)] = &[
    ("visual.", "vision_tower."),
    ("model.visual.", "vision_tower."),
    ("model.language_model.", "language_model.model."),
    ("model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
];

#[test]
fn qwen2_vl_is_read_by_the_names_of_newer_checkpoints() {
    check("qwen2-vl", &respelled("qwen2-vl", |arrays| renamed(arrays, NEW), |_| ()));
}

#[test]
fn checkpoints_are_read_by_the_names_of_mlx_with_channels_last() {
    for name in ["qwen2-vl", "qwen2.5-vl", "qwen3-vl", "glm4v", "glm-ocr"] {
        check(name, &respelled(name, |arrays| renamed(channels_last(arrays), MLX), |_| ()));
    }
}

#[test]
fn qwen2_vl_is_read_with_an_older_config_that_is_flat() {
    let older = |config: &mut Value| {
        flat(config);
        config["vision_config"]["in_chans"] = json!(3);
        let rope = config.as_object_mut().unwrap().remove("rope_parameters").unwrap();
        config["rope_theta"] = rope["rope_theta"].clone();
        config["rope_scaling"] = json!({"type": "mrope", "mrope_section": rope["mrope_section"]});
    };
    for name in ["qwen2-vl", "qwen2.5-vl"] {
        check(name, &respelled(name, |arrays| arrays, older));
    }
}

#[test]
fn paddle_ocr_vl_is_read_as_paddle_transformers_and_mlx_store_it() {
    let name = "paddleocr-vl";
    check(name, &respelled(name, |arrays| arrays, flat));
    let newer =
        [("mlp_AR.", "model.projector."), ("visual.", "model.visual."), ("model.", "model.language_model.")];
    check(name, &respelled(name, |arrays| renamed(arrays, &newer), |_| ()));
    let converted = [
        ("mlp_AR.", "visual.projector."),
        ("visual.vision_model.encoder.", "visual."),
        ("visual.vision_model.", "visual."),
        ("model.", "language_model.model."),
        ("lm_head.", "language_model.lm_head."),
    ];
    let fused = |arrays| fused(renamed(channels_last(arrays), &converted));
    check(name, &respelled(name, fused, |_| ()));
}

/// Towers whose queries, keys and values are one layer.
fn fused(mut arrays: Arrays) -> Arrays {
    let queries: Vec<_> = arrays
        .keys()
        .filter(|name| name.starts_with("visual.layers.") && name.contains("q_proj"))
        .cloned()
        .collect();
    for query in queries {
        let parts =
            ["q_proj", "k_proj", "v_proj"].map(|part| arrays.remove(&query.replace("q_proj", part)).unwrap());
        arrays.insert(query.replace("q_proj", "qkv"), concatenate(&parts, 0).unwrap());
    }
    arrays
}

#[test]
fn what_a_tower_cannot_be_is_one_error_that_names_it() {
    for (name, field, value, expected) in [
        ("qwen2-vl", "num_heads", json!(0), "num_heads is 0: it must be from 1 to 1024"),
        ("qwen2-vl", "mlp_ratio", json!(-1.0), "the width within a layer is -16"),
        ("qwen2-vl", "hidden_size", json!(64), "vectors 64 wide to a decoder whose hidden_size is 32"),
        ("qwen2.5-vl", "window_size", json!(4), "window_size in squares of patches is 0"),
        ("qwen2.5-vl", "patch_size", json!(0), "patch_size is 0"),
        ("qwen2.5-vl", "patch_size", json!(7), "preprocessor_config.json makes"),
        ("qwen2.5-vl", "tokens_per_second", json!(-2), "tokens_per_second is -2"),
        ("qwen3-vl", "num_position_embeddings", json!(24), "must be a square of a whole number"),
        ("qwen3-vl", "deepstack_visual_indexes", json!([0, 3]), "some of 3 layers"),
        ("qwen3-vl", "deepstack_visual_indexes", json!([1, 1]), "it must rise"),
        ("qwen3-vl", "hidden_size", json!(20), "heads must be wide by a multiple of 4"),
        ("qwen3-vl", "depth", json!(4096), "4096 layers"),
        ("glm4v", "image_size", json!(2), "image_size in patches is 0"),
        ("glm4v", "spatial_merge_size", json!(i32::MAX), "spatial_merge_size is 2147483647"),
        ("glm-ocr", "out_hidden_size", json!(i32::MAX), "out_hidden_size is 2147483647"),
        ("paddleocr-vl", "patch_size", json!(0), "patch_size is 0"),
        ("paddleocr-vl", "image_size", json!(3), "image_size in patches is 0"),
    ] {
        let copy = respelled(name, |arrays| arrays, |config| config["vision_config"][field] = value);
        let loaded = VisionLanguageModel::load(Source::path(copy.path()), None, Precision::Exact);
        let error = loaded.err().unwrap().to_string();
        assert!(error.contains(expected), "{name}, {field}: {error}");
    }
}
