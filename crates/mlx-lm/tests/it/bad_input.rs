//! Damaged and unfitting checkpoints: one clear error each, which names the thing.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_hub::Source;
use mlx_lm::cache::CacheOptions;
use mlx_lm::{FinishReason, GenerateOptions, LanguageModel, Loader, Model, Sampler};
use mlx_testkit::Checkpoint;
use mlx_text::{Message, Tokenizer};
use serde_json::json;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn load(folder: &Path) -> Result<Model, mlx_lm::Error> {
    Loader::new(Source::path(folder)).load_model()
}

/// The message of loading a checkpoint that must not load.
fn refusal(checkpoint: &Checkpoint) -> String {
    let folder = checkpoint.write();
    load(folder.path()).err().expect("the checkpoint loads").to_string()
}

fn intact() -> Checkpoint {
    Checkpoint::read(golden("llama-untied"))
}

#[test]
fn an_intact_checkpoint_loads() {
    let folder = intact().write();
    load(folder.path()).unwrap();
}

#[test]
fn an_unknown_architecture_names_itself_and_what_is_known() {
    let message = refusal(&intact().with_config("model_type", json!("lama")));
    assert!(message.contains("`lama`") && message.contains("llama, mistral"), "{message}");
}

#[test]
fn missing_extra_and_misshapen_weights_are_all_listed() {
    let damaged = intact()
        .without("model.norm.weight")
        .without("model.layers.0.mlp.up_proj.weight")
        .with("model.layers.0.self_attn.q_proj.weight", &[3, 5])
        .with("model.extra.weight", &[2])
        .with("surprise", &[1]);
    let message = refusal(&damaged);
    for expected in [
        "model.norm.weight",
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.0.self_attn.q_proj.weight",
        "[3, 5]",
        "model.extra.weight",
        "surprise",
    ] {
        assert!(message.contains(expected), "{expected} is not in: {message}");
    }
}

#[test]
fn a_missing_config_field_is_named() {
    let folder = intact().write();
    let path = folder.path().join("config.json");
    let config = fs::read_to_string(&path).unwrap().replace("\"hidden_size\"", "\"hiden_size\"");
    fs::write(&path, config).unwrap();
    let message = load(folder.path()).err().unwrap().to_string();
    assert!(message.contains("hidden_size"), "{message}");
}

#[test]
fn a_config_value_that_cannot_be_is_named() {
    for (field, value) in [
        ("num_attention_heads", json!(0)),
        ("num_attention_heads", json!(-4)),
        ("num_key_value_heads", json!(3)),
        ("hidden_size", json!(2_000_000_000)),
        ("head_dim", json!(1_000_000_000)),
        ("vocab_size", json!(0)),
    ] {
        let message = refusal(&intact().with_config(field, value.clone()));
        assert!(message.contains(field), "{field} = {value}: {message}");
    }
}

#[test]
fn a_setting_that_the_family_does_not_know_is_refused_if_it_changes_numbers() {
    for (field, value) in [
        ("hidden_act", json!("quick_gelu")),
        ("use_sliding_window", json!(true)),
        ("attn_logit_softcapping", json!(50.0)),
        ("use_qk_norm", json!(true)),
        ("logits_scaling", json!(8.0)),
        ("num_local_experts", json!(8)),
        ("layer_types", json!(["full_attention", "chunked_attention"])),
        ("rope_scaling", json!({"rope_type": "helix"})),
        ("rope_scaling", json!({"rope_type": "yarn", "factor": 2.0, "attention_factor": 0.5})),
    ] {
        let message = refusal(&intact().with_config(field, value.clone()));
        let names = [field, "attention_factor", "chunked_attention", "helix"];
        assert!(names.iter().any(|name| message.contains(name)), "{field} = {value}: {message}");
    }
}

#[test]
fn numbers_that_would_give_no_numbers_are_refused() {
    for (folder, field, value) in [
        ("gemma2-low-caps", "attn_logit_softcapping", json!(0.0)),
        ("gemma2-low-caps", "final_logit_softcapping", json!(-1.0)),
        ("gemma3-text", "query_pre_attn_scalar", json!(0)),
        ("gemma3-text", "sliding_window_pattern", json!(0)),
        ("glm4-bias", "partial_rotary_factor", json!(1.5)),
        ("lfm2-tied", "block_dim", json!(8)),
        ("lfm2-tied", "block_multiple_of", json!(0)),
        ("lfm2-tied", "conv_L_cache", json!(1)),
        ("lfm2-tied", "layer_types", json!(["conv"])),
        ("lfm2-tied", "layer_types", json!(["conv", "conv", "linear_attention"])),
        ("qwen3_5_text-half", "attn_output_gate", json!(false)),
        ("qwen3_5_text-half", "full_attention_interval", json!(0)),
        ("qwen3_5_text-half", "linear_key_head_dim", json!(0)),
        ("qwen3_5_text-half", "linear_num_value_heads", json!(3)),
        ("smollm3-listed", "no_rope_layers", json!([1])),
        ("qwen2-window", "sliding_window", json!(-3)),
    ] {
        let message = refusal(&Checkpoint::read(golden(folder)).with_config(field, value.clone()));
        assert!(message.contains(field), "{field} = {value}: {message}");
    }
}

#[test]
fn settings_that_are_off_are_not_refused() {
    let mut checkpoint = intact();
    for field in ["use_sliding_window", "use_qk_norm", "attention_bias"] {
        checkpoint = checkpoint.with_config(field, json!(false));
    }
    load(checkpoint.with_config("head_dim", json!(null)).write().path()).unwrap();
}

#[test]
fn an_unknown_wrapper_names_those_that_are_known() {
    let text = json!({"model_type": "llama"});
    let message =
        refusal(&intact().with_config("model_type", json!("seeing")).with_config("text_config", text));
    assert!(message.contains("`seeing`") && message.contains("llava_onevision, llava_qwen2"), "{message}");
}

#[test]
fn a_window_that_sees_nothing_is_refused() {
    let message = refusal(&Checkpoint::read(golden("llama-sliding")).with_config("sliding_window", json!(0)));
    assert!(message.contains("sliding_window"), "{message}");
}

#[test]
fn more_layers_than_the_file_holds_are_refused_at_once() {
    let message = refusal(&intact().with_config("num_hidden_layers", json!(4_000_000_000_u64)));
    assert!(message.contains("num_hidden_layers"), "{message}");
}

#[test]
fn a_truncated_safetensors_file_is_refused_wherever_it_is_cut() {
    let folder = intact().write();
    let path = folder.path().join("model.safetensors");
    let whole = fs::read(&path).unwrap();
    for length in [0, 4, 8, 9, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        let message = load(folder.path()).err().unwrap_or_else(|| panic!("{length} bytes load")).to_string();
        assert!(message.contains("model.safetensors"), "{length} bytes: {message}");
    }
}

#[test]
fn a_folder_without_a_tokenizer_says_so_and_still_gives_scores() {
    let error = Loader::new(Source::path(golden("llama-tied"))).load().err().unwrap().to_string();
    assert!(error.contains("tokenizer.json"), "{error}");
    assert!(load(&golden("llama-tied")).is_ok());
}

#[test]
fn tokens_that_cannot_be_run_are_refused() {
    let model = load(&golden("llama-tied")).unwrap();
    let refuse = |tokens: &[u32]| model.logits(tokens, &mut model.cache()).err().unwrap().to_string();
    assert!(refuse(&[]).contains("empty"));
    let outside = u32::try_from(model.vocab_size()).unwrap();
    assert!(refuse(&[0, outside]).contains(&format!("token {outside}")));
    let long = vec![1; model.context().unwrap() + 1];
    assert!(refuse(&long).contains("context"), "{}", refuse(&long));
}

fn speller() -> LanguageModel {
    speller_of("llama-tied")
}

/// A tiny model with a tokenizer of single letters.
pub(crate) fn speller_of(name: &str) -> LanguageModel {
    LanguageModel::new(load(&golden(name)).unwrap(), letters())
}

/// A tokenizer of single letters.
pub(crate) fn letters() -> Tokenizer {
    let vocabulary: serde_json::Map<_, _> =
        ('a'..='z').map(|c| (c.to_string(), json!(c as u32 - 97))).collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "a"},
    });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    fs::write(&path, tokenizer.to_string()).unwrap();
    Tokenizer::from_file(path).unwrap()
}

#[test]
fn an_empty_prompt_is_refused() {
    assert!(speller().encode("").unwrap_err().to_string().contains("empty"));
}

#[test]
fn a_chat_without_a_template_says_so() {
    let message = speller().chat(&[Message::user("a b")]).unwrap_err().to_string();
    assert!(message.contains("chat template"), "{message}");
}

#[test]
fn a_prompt_beyond_the_context_is_refused_and_a_text_ends_there() {
    let model = speller();
    let context = model.model().context().unwrap();
    let generate = |tokens: usize| {
        let options = GenerateOptions { max_tokens: 5, ..GenerateOptions::default() };
        Ok::<_, mlx_lm::Error>(
            model.generate(&vec![1; tokens], options)?.map(Result::unwrap).collect::<Vec<_>>(),
        )
    };
    assert!(generate(context + 1).unwrap_err().to_string().contains(&context.to_string()));
    let pieces = generate(context - 1).unwrap();
    assert_eq!(pieces.iter().filter(|piece| piece.token.is_some()).count(), 2);
    assert_eq!(pieces.last().unwrap().finish, Some(FinishReason::Length));
}

#[test]
fn a_sampler_out_of_range_is_refused() {
    let options = GenerateOptions { sampler: Sampler::default().top_p(2.0), ..GenerateOptions::default() };
    assert!(speller().generate(&[1], options).err().unwrap().to_string().contains("top_p"));
}

#[test]
fn a_cache_that_the_model_cannot_have_is_refused() {
    let refuse = |cache| {
        let options = GenerateOptions { cache, ..GenerateOptions::default() };
        speller().generate(&[1, 2, 3], options).err().unwrap().to_string()
    };
    let bits = |bits| CacheOptions { kv_bits: Some(bits), ..CacheOptions::default() };
    assert!(refuse(bits(7)).contains("kv_bits is 7"));
    assert!(refuse(bits(4)).contains("kv_group_size"), "{}", refuse(bits(4)));
}

#[test]
fn a_limited_cache_ends_in_another_text() {
    let model = speller();
    let run = |cache| {
        let options = GenerateOptions { max_tokens: 40, cache, ..GenerateOptions::default() };
        let tokens = model.generate_tokens(&[1, 2, 3, 4, 5, 6, 7, 8], options).unwrap();
        tokens.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let limited = |size| run(CacheOptions { max_kv_size: Some(size), ..CacheOptions::default() });
    assert_eq!(limited(100), run(CacheOptions::default()));
    assert_ne!(limited(5), run(CacheOptions::default()));
}
