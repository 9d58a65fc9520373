//! Damaged and unfitting checkpoints: one clear error each, which names the thing.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_hub::Source;
use mlx_lm::{GenerateOptions, LanguageModel, Loader, Model, Sampler};
use mlx_testkit::Checkpoint;
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

#[test]
fn an_empty_prompt_and_a_sampler_out_of_range_are_refused() {
    let Some(path) = mlx_testkit::assets::find("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let model: LanguageModel = Loader::new(Source::path(path)).load().unwrap();
    assert!(model.encode("").unwrap_err().to_string().contains("empty"));
    let options = GenerateOptions { sampler: Sampler::default().top_p(2.0), ..GenerateOptions::default() };
    assert!(model.generate(&[1], options).err().unwrap().to_string().contains("top_p"));
}
