//! Gemma 3n and 4: layers that read what others keep, and settings that make no sense.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype, concatenate};
use mlx_hub::Source;
use mlx_lm::cache::{CacheOptions, KvCache, LayerCache, Mask};
use mlx_lm::{Loader, Model};
use mlx_testkit::Checkpoint;
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn checkpoint(name: &str) -> Checkpoint {
    Checkpoint::read(golden(name))
}

fn load(checkpoint: &Checkpoint) -> mlx_lm::Result<Model> {
    Loader::new(Source::path(checkpoint.write().path())).dtype(Dtype::Float32).load_model()
}

/// What is said of the checkpoint when the setting of its decoder has another value.
fn refusal(name: &str, field: &str, value: Value) -> String {
    let config = fs::read(golden(name).join("config.json")).unwrap();
    let mut text = serde_json::from_slice::<Value>(&config).unwrap()["text_config"].clone();
    text[field] = value;
    load(&checkpoint(name).with_config("text_config", text)).err().unwrap().to_string()
}

#[test]
fn layers_that_read_what_others_keep_hold_nothing() {
    for (name, keeping) in
        [("gemma3n-shared", 3), ("gemma3n-own-keys", 3), ("gemma4-shared", 3), ("gemma4-text-4bit", 2)]
    {
        let model = load(&checkpoint(name)).unwrap();
        let mut cache = model.cache();
        model.logits(&[1, 2, 3], &mut cache).unwrap();
        assert_eq!(cache.layers().count(), keeping, "{name}");
        assert_eq!(cache.arrays().count(), 2 * keeping, "{name}");
    }
}

#[test]
fn another_layer_attends_to_what_was_seen_as_that_layer_does() {
    let rows = |length| {
        let numbers = Array::arange(0..2 * length * 32).unwrap().reshape([1, 2, length, 32]).unwrap();
        numbers.astype(Dtype::Float32).unwrap().sin().unwrap()
    };
    let options = CacheOptions {
        kv_bits: Some(8),
        kv_group_size: 32,
        quantized_kv_start: 3,
        ..CacheOptions::default()
    };
    let kinds = [LayerCache::full(), LayerCache::sliding(4), LayerCache::rotating(7, 2).unwrap()];
    let plain = KvCache::new(kinds.clone());
    for cache in [plain.clone().with(&options).unwrap(), plain] {
        let (mut own, mut shared) = (cache.clone(), cache);
        for (own, shared) in own.layers().zip(shared.layers()) {
            for length in [3, 1, 5, 1, 1, 6] {
                let x = rows(length);
                let before = shared.offset().positions(length).unwrap().to_vec::<i32>().unwrap();
                let seen = shared.push(&x, &x).unwrap();
                assert_eq!(seen.offset().positions(length).unwrap().to_vec::<i32>().unwrap(), before);
                let expected = own.attend(&x, &x, &x, 1.0, &Mask::causal()).unwrap();
                let wide = concatenate([&x, &x], 1).unwrap();
                let twice = seen.attend(&wide, 1.0, &Mask::causal()).unwrap();
                let again = seen.attend(&x, 1.0, &Mask::causal()).unwrap();
                assert_eq!(again.to_vec::<f32>().unwrap(), expected.to_vec::<f32>().unwrap());
                assert_eq!(twice.shape(), wide.shape());
            }
        }
    }
}

#[test]
fn a_cache_of_another_model_is_an_error() {
    let model = load(&checkpoint("gemma4-shared")).unwrap();
    let refused = model.logits(&[1], &mut KvCache::full(1)).unwrap_err().to_string();
    assert!(refused.contains("not of this model"), "{refused}");
}

#[test]
fn quantized_keys_that_groups_do_not_divide_are_refused_by_the_setting() {
    let model = load(&checkpoint("gemma4-shared")).unwrap();
    let options = CacheOptions { kv_bits: Some(4), quantized_kv_start: 0, ..CacheOptions::default() };
    let mut cache = model.cache().with(&options).unwrap();
    let refused = model.logits(&[1], &mut cache).unwrap_err().to_string();
    assert!(refused.contains("kv_group_size"), "{refused}");
}

#[test]
fn settings_that_make_no_sense_are_refused_by_their_names() {
    let full = "full_attention";
    for (name, field, value, named) in [
        ("gemma3n-shared", "num_kv_shared_layers", json!(5), "num_kv_shared_layers is 5 of 5"),
        ("gemma3n-shared", "num_kv_shared_layers", json!(9), "num_kv_shared_layers is 9 of 5"),
        ("gemma4-shared", "num_kv_shared_layers", json!(4), "num_kv_shared_layers is 4 of 5"),
        ("gemma3n-shared", "layer_types", json!([full]), "layer_types has 1"),
        ("gemma3n-shared", "intermediate_size", json!([12, 13]), "intermediate_size has 2"),
        ("gemma3n-shared", "intermediate_size", json!([12, 12, 0, 12, 12]), "intermediate_size is 0"),
        ("gemma3n-shared", "activation_sparsity_pattern", json!([0.5]), "activation_sparsity_pattern has 1"),
        (
            "gemma3n-shared",
            "activation_sparsity_pattern",
            json!([1.0, 0, 0, 0, 0]),
            "activation_sparsity_pattern has 1:",
        ),
        ("gemma3n-shared", "altup_active_idx", json!(4), "altup_active_idx is 4"),
        ("gemma3n-shared", "altup_num_inputs", json!(0), "altup_num_inputs is 0"),
        ("gemma3n-shared", "altup_coef_clip", json!(-1.0), "altup_coef_clip is -1"),
        ("gemma3n-shared", "laurel_rank", json!(0), "laurel_rank is 0"),
        ("gemma3n-shared", "hidden_size_per_layer_input", json!(-1), "hidden_size_per_layer_input is -1"),
        ("gemma4-shared", "final_logit_softcapping", json!(0.0), "final_logit_softcapping is 0"),
        ("gemma4-shared", "global_head_dim", json!(-16), "head_dim times num_attention_heads is -32"),
        (
            "gemma4-shared",
            "use_bidirectional_attention",
            json!("all"),
            "use_bidirectional_attention is `all`",
        ),
        ("gemma4-shared", "per_layer_config", json!({"1": {"sliding_window": 3}}), "sliding_window"),
        ("gemma4-experts", "top_k_experts", json!(null), "enable_moe_block needs"),
        ("gemma4-experts", "top_k_experts", json!(5), "there are 4 to choose from"),
        ("gemma4-experts", "enable_moe_block", json!(false), "router.proj.weight"),
        (
            "gemma4-keys-are-values",
            "per_layer_config",
            json!({"2": {"num_key_value_heads": 0}}),
            "heads is 0",
        ),
    ] {
        let message = refusal(name, field, value.clone());
        assert!(message.contains(named), "{field} of {value}: {message}");
    }
}
