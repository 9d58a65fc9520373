//! Conversions: what mlx-lm makes of the same weights, and folders that load again.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use mlx_core::{Dtype, Quantization, QuantizationMode, io, memory};
use mlx_hub::Source;
use mlx_lm::convert::{Convert, Converted, Quantize, Recipe};
use mlx_lm::{Error, Loader};
use mlx_nn::QuantizationConfig;
use mlx_testkit::{Checkpoint, Golden, Tolerance, assets, cases};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::golden::{folders, scores, tokens};

/// The checkpoint of `xtask/golden/convert.py`.
fn made_up() -> Checkpoint {
    let text = fs::read_to_string(golden_json()).unwrap();
    let config = serde_json::from_str::<Value>(&text).unwrap()["config"].clone();
    let (hidden, inner, vocabulary) = (128, 192, 64);
    let mut checkpoint = Checkpoint::new(config)
        .with("model.embed_tokens.weight", &[vocabulary, hidden])
        .with("lm_head.weight", &[vocabulary, hidden])
        .with("model.norm.weight", &[hidden]);
    for layer in 0..8 {
        for (name, shape) in [
            ("self_attn.q_proj", &[hidden, hidden][..]),
            ("self_attn.o_proj", &[hidden, hidden]),
            ("self_attn.k_proj", &[hidden / 2, hidden]),
            ("self_attn.v_proj", &[hidden / 2, hidden]),
            ("mlp.gate_proj", &[inner, hidden]),
            ("mlp.up_proj", &[inner, hidden]),
            ("mlp.down_proj", &[hidden, inner]),
            ("input_layernorm", &[hidden]),
            ("post_attention_layernorm", &[hidden]),
        ] {
            checkpoint = checkpoint.with(&format!("model.layers.{layer}.{name}.weight"), shape);
        }
    }
    checkpoint
}

fn golden_json() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/convert.json")
}

fn convert(source: &Path) -> Convert {
    Convert::new(Source::path(source))
}

/// Converts into a folder in a new one.
fn saved(conversion: Convert) -> (TempDir, PathBuf, Converted) {
    let beside = tempfile::tempdir().unwrap();
    let folder = beside.path().join("converted");
    let converted = conversion.save(&folder).unwrap();
    (beside, folder, converted)
}

fn refusal(conversion: Convert) -> String {
    let beside = tempfile::tempdir().unwrap();
    let error = conversion.save(beside.path().join("converted")).unwrap_err();
    assert_eq!(fs::read_dir(beside.path()).unwrap().count(), 0, "something was left behind");
    error.to_string()
}

fn read_json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A hash of the bytes of all arrays of a layer, by their names.
fn digest(arrays: &std::collections::BTreeMap<String, mlx_core::Array>, path: &str) -> String {
    let mut sha256 = Sha256::new();
    for part in ["biases", "scales", "weight"] {
        if let Some(array) = arrays.get(&format!("{path}.{part}")) {
            sha256.update(array.view(Dtype::Uint8).unwrap().to_vec::<u8>().unwrap());
        }
    }
    sha256.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn layers(case: &Value) -> Quantize {
    if let Some(recipe) = case["recipe"].as_str() {
        return Quantize::mixed(recipe.parse::<Recipe>().unwrap(), 64);
    }
    let mode = QuantizationMode::named(case["mode"].as_str().unwrap()).unwrap();
    let number = |key: &str| case[key].as_i64().map(|number| i32::try_from(number).unwrap());
    let scheme = QuantizationConfig::of_mode(mode, number("bits"), number("group_size")).unwrap();
    Quantize::new(scheme.default_scheme())
}

#[test]
fn packed_weights_are_bit_for_bit_those_of_mlx_lm() {
    let source = made_up().write();
    for case in cases(golden_json()) {
        let dtype = Dtype::from_str(case["dtype"].as_str().unwrap()).unwrap();
        let conversion = convert(source.path()).dtype(dtype).quantize(layers(&case));
        let (_beside, folder, converted) = saved(conversion);
        assert_eq!(json!(converted.parameters), case["parameters"], "{case}");
        let bits = case["bits_per_weight"].as_f64().unwrap();
        assert!((converted.bits_per_weight() - bits).abs() < 1e-9, "{case}");
        let arrays = io::load_sharded(folder.join("model.safetensors.index.json")).unwrap().arrays;
        for (path, expected) in case["sha256"].as_object().unwrap() {
            assert_eq!(json!(digest(&arrays, path)), *expected, "{path} of {case}");
        }
        let config = read_json(folder.join("config.json"));
        assert_eq!(config["quantization"], config["quantization_config"]);
        for (path, bits) in case["layers"].as_object().unwrap() {
            let stated = &config["quantization"][path]["bits"];
            assert_eq!(
                if stated.is_null() { &config["quantization"]["bits"] } else { stated },
                bits,
                "{path}"
            );
        }
        Loader::new(Source::path(&folder)).load_model().unwrap();
    }
}

/// Checkpoints of all families and of all formats that can be loaded.
#[test]
fn what_is_converted_has_the_scores_of_the_reference() {
    for source in folders() {
        println!("{}", source.display());
        let (_beside, folder, _) = saved(convert(&source).dtype(Dtype::Float32));
        check_scores(&source, &folder);
    }
}

#[test]
fn what_is_dequantized_has_the_scores_of_the_reference() {
    for source in folders() {
        let stored = Loader::new(Source::path(&source)).quantization().unwrap();
        if stored == "none" {
            continue;
        }
        println!("{}", source.display());
        let (_beside, folder, converted) = saved(convert(&source).dtype(Dtype::Float32).dequantize());
        assert_eq!(converted.quantization, None);
        let config = read_json(folder.join("config.json"));
        assert!(config.get("quantization").or(config.get("quantization_config")).is_none(), "{config}");
        check_scores(&source, &folder);
    }
}

fn check_scores(source: &Path, converted: &Path) {
    let golden = Golden::open(source.join("expected.safetensors"));
    let model = Loader::new(Source::path(converted)).dtype(Dtype::Float32).load_model().unwrap();
    let (shape, prefill) = scores(&model, &tokens(&golden, "tokens"), &mut model.cache());
    golden.assert_close("prefill", &shape, &prefill, Tolerance::F32);
}

#[test]
fn weights_are_in_files_of_the_given_size_with_an_index() {
    let source = made_up().write();
    let (_beside, folder, converted) = saved(convert(source.path()).shard_size(1 << 20));
    let index = read_json(folder.join("model.safetensors.index.json"));
    assert_eq!(index["metadata"]["total_size"], converted.bytes);
    assert_eq!(index["metadata"]["total_parameters"], converted.parameters);
    let files: Vec<_> = (1..=4).map(|at| format!("model-{at:05}-of-00004.safetensors")).collect();
    for file in &files {
        let shard = io::load_safetensors(folder.join(file)).unwrap();
        assert_eq!(shard.metadata["format"], "mlx");
        let bytes: usize = shard.arrays.values().map(mlx_core::Array::nbytes).sum();
        assert!(bytes <= 1 << 20, "{file} has {bytes} bytes");
        assert!(shard.arrays.keys().all(|name| index["weight_map"][name] == *file));
    }
    Loader::new(Source::path(&folder)).load_model().unwrap();
}

#[test]
fn memory_is_that_of_a_file_and_not_of_the_model() {
    let source = made_up().with_config("num_hidden_layers", 8).write();
    let shard = 256 << 10;
    memory::reset_peak().unwrap();
    let conversion = convert(source.path()).shard_size(shard).dtype(Dtype::Float16);
    let (_beside, _, converted) = saved(conversion);
    let peak = memory::peak().unwrap();
    assert!(converted.bytes > 7 * shard && peak < 3 * shard, "{peak} of {}", converted.bytes);
}

#[test]
fn layers_may_be_chosen_by_their_paths() {
    let source = made_up().write();
    let (four, eight) = (Quantization::affine(4, 64), Quantization::affine(8, 32));
    let layers = Quantize::choose(four, move |path| match path {
        "lm_head" => None,
        _ => Some(if path.contains("v_proj") { eight } else { four }),
    });
    let (_beside, folder, converted) = saved(convert(source.path()).quantize(layers));
    let quantization = converted.quantization.unwrap();
    assert_eq!(quantization.default_scheme(), four);
    let stated = &read_json(folder.join("config.json"))["quantization"];
    assert_eq!(stated["lm_head"], false);
    assert_eq!(stated["model.layers.3.self_attn.v_proj"]["bits"], 8);
    assert_eq!(stated.as_object().unwrap().len(), 3 + 1 + 8);
    let (_beside, folder, again) = saved(convert(&folder));
    assert_eq!(again.quantization, Some(quantization));
    assert_eq!(&read_json(folder.join("config.json"))["quantization"], stated);
}

#[test]
fn tokenizer_files_come_along_and_others_do_not() {
    let source = made_up().write();
    let files = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"];
    for file in files.into_iter().chain(["README.md", "optimizer.bin"]) {
        fs::write(source.path().join(file), "{}").unwrap();
    }
    let (_beside, folder, _) = saved(convert(source.path()));
    let mut expected =
        [&files[..], &["config.json", "model.safetensors", "model.safetensors.index.json"]].concat();
    expected.sort_unstable();
    let names = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, expected);
}

#[test]
fn a_failure_leaves_nothing_behind_and_says_why() {
    let missing = made_up().without("model.norm.weight").write();
    assert!(refusal(convert(missing.path())).contains("model.norm.weight"));
    let source = made_up().write();
    let seven = Quantize::new(Quantization::affine(7, 64));
    assert!(refusal(convert(source.path()).quantize(seven)).contains("affine has 2, 3, 4"));
    let none = Quantize::choose(Quantization::affine(4, 64), |_| None);
    let error = refusal(convert(source.path()).quantize(none));
    assert!(error.contains("no layer is chosen"), "{error}");
    let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/qwen2-4bit");
    let error = refusal(convert(&packed).quantize(Quantize::new(Quantization::affine(8, 64))));
    assert!(error.contains("quantized already (affine 4-bit, groups of 32): dequantize"), "{error}");
}

#[test]
fn a_folder_that_is_not_empty_is_refused_and_stays() {
    let source = made_up().write();
    let target = tempfile::tempdir().unwrap();
    convert(source.path()).save(target.path()).unwrap();
    let before = fs::read(target.path().join("model.safetensors")).unwrap();
    let error = convert(source.path()).dtype(Dtype::Float16).save(target.path()).unwrap_err();
    assert!(matches!(error, Error::Convert { .. }), "{error}");
    assert!(error.to_string().ends_with("it is not empty: name a new folder"), "{error}");
    assert_eq!(fs::read(target.path().join("model.safetensors")).unwrap(), before);
    let file = target.path().join("config.json");
    assert!(convert(source.path()).save(&file).is_err());
}

#[test]
fn progress_ends_at_the_size_of_the_result() {
    let source = made_up().write();
    let last = std::rc::Rc::new(std::cell::Cell::new(None));
    let seen = std::rc::Rc::clone(&last);
    let (_beside, _, converted) = saved(convert(source.path()).progress(move |now| seen.set(Some(now))));
    let last = last.get().unwrap();
    assert_eq!((last.done, last.total), (converted.bytes, converted.bytes));
}

#[test]
fn a_gguf_file_becomes_a_folder_with_its_tokenizer() {
    let Some(path) = assets::find("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let (_beside, folder, converted) = saved(convert(&path).dtype(Dtype::Float32));
    assert_eq!(converted.parameters, 134_515_008);
    let load = |path: &Path| Loader::new(Source::path(path)).dtype(Dtype::Float32).load().unwrap();
    let (before, after) = (load(&path), load(&folder));
    let question = [mlx_lm::mlx_text::Message::user("What is the capital of France? Été <|im_start|>")];
    let prompt = before.chat(&question).unwrap();
    assert_eq!(after.chat(&question).unwrap(), prompt);
    assert_eq!(after.tokenizer().eos(), before.tokenizer().eos());
    let logits = |model: &mlx_lm::LanguageModel| {
        model.model().logits(&prompt, &mut model.model().cache()).unwrap().to_vec::<f32>().unwrap()
    };
    assert_eq!(logits(&after), logits(&before));
}
