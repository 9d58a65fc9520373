//! Mixtures of experts and latent attention: what a checkpoint may hold, and what is kept of its tokens.

use std::path::{Path, PathBuf};

use mlx_core::{Dtype, eval};
use mlx_hub::Source;
use mlx_lm::cache::{CacheOptions, KvCache};
use mlx_lm::{Loader, Model};
use mlx_testkit::{Checkpoint, relative_rms};
use serde_json::{Value, json};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn load(folder: &Path) -> Model {
    Loader::new(Source::path(folder)).dtype(Dtype::Float32).load_model().unwrap()
}

fn refuse(checkpoint: &Checkpoint) -> String {
    let folder = checkpoint.write();
    Loader::new(Source::path(folder.path())).load_model().err().expect("it is refused").to_string()
}

/// The scores after each of 20 tokens, and what the cache then holds.
fn scores(model: &Model, mut cache: KvCache) -> (Vec<f64>, usize) {
    let scores = (0..20).map(|token| model.logits(&[token], &mut cache).unwrap());
    let scores = scores.flat_map(|scores| scores.to_vec::<f32>().unwrap()).map(f64::from).collect();
    eval(cache.arrays()).unwrap();
    (scores, cache.nbytes())
}

#[test]
fn latent_vectors_and_keys_are_kept_in_few_bits() {
    let model = load(&golden("deepseek-v3-fp8"));
    let (kv_bits, kv_group_size) = (Some(8), 32);
    let few = CacheOptions { kv_bits, kv_group_size, quantized_kv_start: 0, ..CacheOptions::default() };
    let (expected, whole) = scores(&model, model.cache());
    let (actual, part) = scores(&model, model.cache().with(&few).unwrap());
    let error = relative_rms(&actual, &expected);
    assert!((1e-6..2e-2).contains(&error), "{error}");
    assert!(part * 2 < whole, "{part} bytes of {whole}");
}

#[test]
fn latent_vectors_of_early_tokens_make_room_for_late_ones() {
    let model = load(&golden("deepseek-v3-converted"));
    let limit = |size| CacheOptions { max_kv_size: Some(size), ..CacheOptions::default() };
    let (expected, _) = scores(&model, model.cache());
    let (same, _) = scores(&model, model.cache().with(&limit(20)).unwrap());
    assert!(relative_rms(&same, &expected) < 1e-6);
    let (other, _) = scores(&model, model.cache().with(&limit(8)).unwrap());
    assert!(relative_rms(&other, &expected) > 1e-3);
}

#[test]
fn groups_that_are_wider_than_a_key_are_refused_at_the_first_token() {
    let model = load(&golden("deepseek-v3-converted"));
    let few = CacheOptions { kv_bits: Some(8), quantized_kv_start: 0, ..CacheOptions::default() };
    let error = model.logits(&[1], &mut model.cache().with(&few).unwrap()).unwrap_err().to_string();
    assert!(error.contains("kv_group_size") || error.contains("group"), "{error}");
}

#[test]
fn a_missing_expert_is_named_as_the_checkpoint_would() {
    let name = "model.layers.3.mlp.experts.4.up_proj.weight";
    let error = refuse(&Checkpoint::read(golden("qwen3-moe-apart")).without(name));
    assert!(error.contains(&format!("1 missing, 0 unused, 0 misshapen; missing: {name}")), "{error}");
}

#[test]
fn experts_of_another_number_are_told() {
    let more = Checkpoint::read(golden("mixtral-untied")).with_config("num_local_experts", 5);
    let error = refuse(&more);
    let name = "model.layers.0.block_sparse_moe.switch_mlp.gate_proj.weight";
    assert!(
        error.contains(&format!("{name} (found [4, 24, 16] float32, expected [5, 24, 16] float)")),
        "{error}"
    );
}

#[test]
fn a_router_is_of_the_bits_that_the_file_has() {
    let model = Loader::new(Source::path(golden("qwen3-moe-4bit"))).load_model().unwrap();
    let parameters = model.decoder().parameters();
    let shape = |name: &str| parameters.get(&format!("model.layers.0.mlp.{name}")).unwrap().shape().to_vec();
    assert_eq!((shape("gate.weight"), shape("gate.scales")), (vec![4, 16], vec![4, 1]));
    assert_eq!(shape("switch_mlp.gate_proj.weight"), [4, 32, 8]);
    assert_eq!(shape("switch_mlp.gate_proj.scales"), [4, 32, 2]);
}

#[test]
fn settings_of_experts_that_cannot_be_are_refused_by_name() {
    let deepseek = Checkpoint::read(golden("deepseek-v3-converted"));
    let qwen = Checkpoint::read(golden("qwen3-moe-tied"));
    for (checkpoint, key, value, named) in [
        (
            &deepseek,
            "scoring_func",
            json!("softmax"),
            "scoring_func `softmax` is not supported (known: sigmoid)",
        ),
        (&deepseek, "topk_method", json!("greedy"), "topk_method `greedy`"),
        (&deepseek, "n_group", json!(2), "n_group 2"),
        (&deepseek, "moe_layer_freq", json!(0), "moe_layer_freq is 0"),
        (&deepseek, "moe_intermediate_size", Value::Null, "missing field `moe_intermediate_size`"),
        (&deepseek, "kv_lora_rank", json!(0), "kv_lora_rank is 0"),
        (&qwen, "num_experts_per_tok", json!(9), "num_experts_per_tok is 9, but there are 6"),
        (&qwen, "decoder_sparse_step", json!(0), "decoder_sparse_step is 0"),
        (&qwen, "moe_intermediate_size", Value::Null, "moe_intermediate_size"),
    ] {
        let error = refuse(&checkpoint.clone().with_config(key, value));
        assert!(error.starts_with("config.json: ") && error.contains(named), "{named} is not in: {error}");
    }
}
