//! Checkpoints of families that see images as tiles by other names, and such as cannot be.

use std::collections::BTreeMap;
use std::fs;

use mlx_core::io::{load_safetensors, save_safetensors};
use mlx_core::{Array, Precision, concatenate};
use mlx_vlm::VisionLanguageModel;
use mlx_vlm::mlx_hub::Source;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::conversations::{Family, folder};

pub(crate) type Arrays = BTreeMap<String, Array>;

/// The golden checkpoint `name` with other arrays, and another config.
pub(crate) fn respelled(
    name: &str,
    arrays: impl FnOnce(Arrays) -> Arrays,
    config: impl FnOnce(&mut Value),
) -> TempDir {
    let copy = TempDir::new().unwrap();
    for file in fs::read_dir(folder(name)).unwrap().map(|file| file.unwrap().path()) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    let read = load_safetensors(folder(name).join("model.safetensors")).unwrap();
    let written = arrays(read.arrays);
    let named = written.iter().map(|(name, array)| (name.as_str(), array));
    save_safetensors(copy.path().join("model.safetensors"), named, &read.metadata).unwrap();
    rewrite(&copy, "config.json", config);
    copy
}

fn rewrite(copy: &TempDir, file: &str, change: impl FnOnce(&mut Value)) {
    let path = copy.path().join(file);
    let mut whole = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut whole);
    fs::write(path, whole.to_string()).unwrap();
}

/// Arrays in whose names the first of these parts that is there is another.
pub(crate) fn renamed(arrays: Arrays, parts: &[(&str, &str)]) -> Arrays {
    let name = |name: String| match parts.iter().find(|(old, _)| name.contains(old)) {
        Some((old, new)) => name.replacen(old, new, 1),
        None => name,
    };
    arrays.into_iter().map(|(old, array)| (name(old), array)).collect()
}

/// Convolutions as MLX stores them.
pub(crate) fn channels_last(arrays: Arrays) -> Arrays {
    let stored = |array: Array| match array.ndim() {
        4 => array.transpose([0, 2, 3, 1]).unwrap().contiguous(false).unwrap(),
        _ => array,
    };
    arrays.into_iter().map(|(name, array)| (name, stored(array))).collect()
}

pub(crate) fn check(name: &str, copy: &TempDir) {
    Family::of(name, copy.path().to_owned()).check();
}

/// Names of transformers since its version 4.52.
const NEW: &[(&str, &str)] = &[
    ("language_model.lm_head.", "lm_head."),
    ("language_model.model.", "model.language_model."),
    ("vision_tower.", "model.vision_tower."),
    ("multi_modal_projector.", "model.multi_modal_projector."),
    ("image_newline", "model.image_newline"),
];

/// Names of MLX, and of transformers before.
const MLX: &[(&str, &str)] = &[
    ("model.language_model.", "language_model.model."),
    ("model.text_model.", "language_model.model."),
    ("language_model.", "language_model."),
    ("lm_head.", "language_model.lm_head."),
    ("model.multi_modal_projector.", "multi_modal_projector."),
    ("model.connector.", "connector."),
    ("model.vision_model.", "vision_model."),
    ("model.vision_tower.", "vision_tower.vision_model."),
    ("vision_tower.", "vision_tower.vision_model."),
];

#[test]
fn checkpoints_are_read_by_the_names_of_newer_transformers() {
    for name in ["llava", "llava-next", "llava-onevision", "pixtral", "mistral3"] {
        check(name, &respelled(name, |arrays| renamed(arrays, NEW), |_| ()));
    }
}

#[test]
fn checkpoints_are_read_by_the_names_of_mlx_with_channels_last() {
    for name in ["llava", "llava-next", "llava-onevision", "pixtral", "mistral3", "idefics3", "lfm2-vl"] {
        check(name, &respelled(name, |arrays| renamed(channels_last(arrays), MLX), |_| ()));
    }
}

const AUTHORS: &[(&str, &str)] = &[
    ("vision_tower.embeddings.cls_token", "vision_model.embeddings.class_embedding"),
    ("vision_tower.embeddings.patch_embeddings.projection", "vision_model.embeddings.patch_embedding"),
    ("vision_tower.embeddings.position_embeddings", "vision_model.embeddings.position_embedding"),
    ("vision_tower.encoder.layer.", "vision_model.encoder.layers."),
    ("multi_modal_projector.layer_norm", "mlp1.0"),
    ("multi_modal_projector.linear_1", "mlp1.1"),
    ("multi_modal_projector.linear_2", "mlp1.3"),
];

const AUTHORS_LAYERS: &[(&str, &str)] = &[
    ("attention.projection_layer", "attn.proj"),
    ("attention.", "attn."),
    ("layernorm_before", "norm1"),
    ("layernorm_after", "norm2"),
    ("lambda_1", "ls1"),
    ("lambda_2", "ls2"),
];

/// Towers whose queries, keys and values are one layer.
fn fused(mut arrays: Arrays) -> Arrays {
    let queries: Vec<_> = arrays.keys().filter(|name| name.contains(".attn.q_proj")).cloned().collect();
    for query in queries {
        let part = |arrays: &mut Arrays, part: &str| arrays.remove(&query.replace("q_proj", part)).unwrap();
        let parts = ["q_proj", "k_proj", "v_proj"].map(|name| part(&mut arrays, name));
        arrays.insert(query.replace("q_proj", "qkv"), concatenate(&parts, 0).unwrap());
    }
    arrays
}

#[test]
fn internvl_is_read_as_its_authors_store_it() {
    let arrays = |arrays| fused(renamed(renamed(arrays, AUTHORS), AUTHORS_LAYERS));
    let config = |config: &mut Value| {
        let fields = config.as_object_mut().unwrap();
        let text = fields.remove("text_config").unwrap();
        fields.remove("image_token_id");
        fields.insert("llm_config".into(), text);
        fields.insert("model_type".into(), json!("internvl_chat"));
        fields.insert("max_dynamic_patch".into(), json!(4));
        fields.insert("select_layer".into(), json!(-1));
        fields.remove("vision_feature_layer");
        let vision = config["vision_config"].as_object_mut().unwrap();
        let bias = vision.remove("attention_bias").unwrap();
        vision.insert("qkv_bias".into(), bias);
        vision.insert("image_size".into(), json!(16));
        vision.insert("patch_size".into(), json!(4));
    };
    let copy = respelled("internvl", arrays, config);
    fs::write(copy.path().join("added_tokens.json"), r#"{"<IMG_CONTEXT>": 258}"#).unwrap();
    rewrite(&copy, "preprocessor_config.json", |file| {
        *file = json!({
            "image_processor_type": "CLIPFeatureExtractor",
            "image_mean": [0.481_454_66, 0.457_827_5, 0.408_210_73],
            "image_std": [0.268_629_54, 0.261_302_58, 0.275_777_11],
        });
    });
    rewrite(&copy, "tokenizer_config.json", |file| {
        let template = file["chat_template"].as_str().unwrap().replace("<IMG_CONTEXT>", "<image>");
        file["chat_template"] = template.into();
    });
    check("internvl", &copy);
}

#[test]
fn what_a_config_leaves_out_is_as_transformers_has_it() {
    let less = |config: &mut Value| {
        for field in ["vision_feature_layer", "vision_feature_select_strategy", "projector_hidden_act"] {
            config.as_object_mut().unwrap().remove(field);
        }
        config["vision_config"].as_object_mut().unwrap().remove("hidden_act");
    };
    for name in ["llava", "llava-next", "llava-onevision"] {
        check(name, &respelled(name, |arrays| arrays, less));
    }
}

#[test]
fn what_cannot_be_is_one_error_that_names_it() {
    for (name, field, value, expected) in [
        ("llava", "/vision_config/patch_size", json!(0), "patch_size is 0: it must be from 1 to 1024"),
        ("llava", "/vision_config/num_attention_heads", json!(0), "num_attention_heads is 0"),
        ("llava", "/vision_config/num_attention_heads", json!(3), "heads must divide the width"),
        ("llava", "/vision_config/num_channels", json!(1), "num_channels is 1"),
        ("llava", "/vision_config/model_type", json!("resnet"), "model_type `resnet` is not supported"),
        ("llava", "/vision_config/image_size", json!(2), "image_size / patch_size is 0"),
        ("llava", "/vision_feature_layer", json!(-4), "the tower has 2 layers"),
        ("llava", "/vision_feature_select_strategy", json!("all"), "must be `default` or `full`"),
        ("llava", "/projector_hidden_act", json!("tanh"), "tanh"),
        (
            "llava-next",
            "/vision_feature_select_strategy",
            json!("full"),
            "other vectors than those of the patches",
        ),
        ("llava-onevision", "/vision_aspect_ratio", json!("pad"), "vision_aspect_ratio is `pad`"),
        ("llava-onevision", "/vision_aspect_ratio", json!("anyres_max_0"), "vision_aspect_ratio"),
        ("pixtral", "/vision_config/num_attention_heads", json!(8), "heads must be wide by a multiple of 4"),
        ("pixtral", "/vision_config/num_hidden_layers", json!(4096), "4096 layers"),
        ("pixtral", "/vision_config/patch_size", json!(-1), "patch_size is -1"),
        ("mistral3", "/spatial_merge_size", json!(0), "spatial_merge_size is 0"),
        ("mistral3", "/vision_feature_layer", json!([-1, -2]), "names several layers"),
        ("internvl", "/downsample_ratio", json!(0.0), "downsample_ratio is 0"),
        ("internvl", "/downsample_ratio", json!(0.3), "downsample_ratio is 0.3"),
        ("internvl", "/vision_config/norm_type", json!("none"), "norm_type `none`"),
        ("internvl", "/vision_config/patch_size", json!([4, 2]), "patches must be squares"),
        ("idefics3", "/scale_factor", json!(0), "scale_factor is 0"),
        ("idefics3", "/text_config/hidden_size", json!(0), "hidden_size"),
        ("lfm2-vl", "/downsample_factor", json!(i32::MAX), "downsample_factor is 2147483647"),
        ("lfm2-vl", "/projector_hidden_size", json!(0), "projector_hidden_size is 0"),
    ] {
        let change = |config: &mut Value| *config.pointer_mut(field).unwrap() = value;
        let copy = respelled(name, |arrays| arrays, change);
        let loaded = VisionLanguageModel::load(Source::path(copy.path()), None, Precision::Exact);
        let error = loaded.err().unwrap().to_string();
        assert!(error.contains(expected), "{name}, {field}: {error}");
    }
}
