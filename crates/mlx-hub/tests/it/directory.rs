//! Checkpoint folders.

use std::fs;

use mlx_hub::{Checkpoint, Directory, Source};
use serde_json::json;
use tempfile::TempDir;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn shard_names(files: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let folder = folder(files);
    let shards = Directory::new(folder.path()).shards().map_err(|error| error.to_string())?;
    Ok(shards.iter().map(|path| path.strip_prefix(folder.path()).unwrap().display().to_string()).collect())
}

#[test]
fn folder_resolves_to_a_directory() {
    let folder = folder(&[("config.json", r#"{"model_type": "llama"}"#)]);
    let checkpoint = Source::parse(folder.path().to_str().unwrap()).unwrap().resolve().unwrap();
    assert!(matches!(checkpoint, Checkpoint::Directory(_)));
    assert_eq!(checkpoint.config().unwrap(), json!({"model_type": "llama"}));
    assert_eq!(checkpoint.path(), folder.path());
}

#[test]
fn missing_config_names_the_folder() {
    let folder = folder(&[]);
    let error = Directory::new(folder.path()).config().unwrap_err().to_string();
    assert_eq!(error, format!("{} has no config.json", folder.path().display()));
}

#[test]
fn generation_config_is_optional_but_must_parse() {
    assert_eq!(Directory::new(folder(&[]).path()).generation_config().unwrap(), None);
    let folder = folder(&[("generation_config.json", "{\n \"eos_token_id\" 2}")]);
    let error = Directory::new(folder.path()).generation_config().unwrap_err().to_string();
    assert!(
        error.contains("generation_config.json is not valid JSON") && error.contains("line 2"),
        "{error}"
    );
}

#[test]
fn any_json_file_is_read_with_infinity() {
    let folder = folder(&[("1_Pooling/config.json", r#"{"limit": Infinity}"#)]);
    let value = Directory::new(folder.path()).json("1_Pooling/config.json").unwrap();
    assert_eq!(value["limit"].as_f64().unwrap() as f32, f32::INFINITY);
}

#[test]
fn files_outside_the_folder_are_not_found() {
    let folder = folder(&[("model/config.json", "{}"), ("secret.json", "{}")]);
    let directory = Directory::new(folder.path().join("model"));
    assert!(directory.file("config.json").is_some());
    assert_eq!(directory.file("../secret.json"), None);
    assert!(directory.json("../secret.json").is_err());
}

#[test]
fn shards_without_an_index_are_sorted() {
    let two =
        shard_names(&[("model-2.safetensors", ""), ("model-1.safetensors", ""), ("other.safetensors", "")]);
    assert_eq!(two.unwrap(), ["model-1.safetensors", "model-2.safetensors"]);
    assert_eq!(shard_names(&[("weights.safetensors", ""), ("a.bin", "")]).unwrap(), ["weights.safetensors"]);
    assert!(shard_names(&[("a.bin", "")]).unwrap_err().ends_with("has no *.safetensors"));
}

#[test]
fn index_decides_which_shards_there_are() {
    let index = r#"{"weight_map": {"b": "w2.safetensors", "a": "w1.safetensors", "c": "w1.safetensors"}}"#;
    let index = ("model.safetensors.index.json", index);
    let all =
        shard_names(&[index, ("w1.safetensors", ""), ("w2.safetensors", ""), ("model.safetensors", "")]);
    assert_eq!(all.unwrap(), ["w1.safetensors", "w2.safetensors"]);
    let none = shard_names(&[index, ("model.safetensors", "")]);
    assert!(none.unwrap_err().ends_with("has no w1.safetensors, w2.safetensors"));
}

#[test]
fn index_that_leaves_the_folder_is_refused() {
    for shard in ["../w.safetensors", "/w.safetensors", "a/../../w.safetensors"] {
        let index = json!({"weight_map": {"a.weight": shard}}).to_string();
        let error = shard_names(&[("model.safetensors.index.json", &index)]).unwrap_err();
        assert!(error.contains(&format!("gives \"{shard}\" for `a.weight`")), "{error}");
    }
    let error = shard_names(&[("model.safetensors.index.json", "{}")]).unwrap_err();
    assert!(error.ends_with("`weight_map` is not an object"), "{error}");
}

#[test]
fn file_that_is_no_gguf_is_refused() {
    let folder = folder(&[("model.safetensors", "12345678{}")]);
    let path = folder.path().join("model.safetensors");
    let error = Source::parse(path.to_str().unwrap()).unwrap().resolve().unwrap_err().to_string();
    assert!(error.contains("model.safetensors: not a GGUF file: it starts with `1234`"), "{error}");
}
