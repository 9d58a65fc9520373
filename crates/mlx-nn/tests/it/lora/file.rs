//! Adapters in folders, read and written, against those that Python wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::random::Key;
use mlx_core::{Array, io};
use mlx_nn::lora::{self, Format, Options};
use mlx_nn::{Error, Module, Weights};
use mlx_testkit::Golden;
use serde_json::{Value, json};

use super::{Tiny, bytes};
use crate::fixture;

const KINDS: [&str; 2] = ["lora", "dora"];
const FORMATS: [(Format, &str, &str); 2] =
    [(Format::MlxLm, "mlx-lm", "adapters.safetensors"), (Format::Peft, "peft", "adapter_model.safetensors")];

fn folder(kind: &str) -> PathBuf {
    fixture::golden("mlx-nn", &format!("tiny-{kind}"))
}

/// The model of a fixture, without adapters.
fn base(kind: &str) -> Tiny {
    let mut arrays = io::load_safetensors(folder(kind).join("model.safetensors")).unwrap().arrays;
    arrays.retain(|name, _| !name.starts_with("expected."));
    Weights::new(arrays, None).build(Tiny::load).unwrap()
}

fn adapted(kind: &str, format: &str) -> Tiny {
    let mut model = base(kind);
    lora::load(&mut model, folder(kind).join(format)).unwrap();
    model
}

fn contents(path: &Path) -> BTreeMap<String, (Vec<i32>, Vec<u8>)> {
    let arrays = io::load_safetensors(path).unwrap().arrays;
    arrays.into_iter().map(|(name, array)| (name, (array.shape().to_vec(), bytes(&array)))).collect()
}

fn json(path: PathBuf) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_model_with_loaded_adapters_agrees_with_mlx_lm() {
    for kind in KINDS {
        let golden = Golden::open(folder(kind).join("model.safetensors"));
        let ids = fixture::array(&golden, "expected.ids");
        for (_, format, _) in FORMATS {
            let mut model = adapted(kind, format);
            fixture::assert_close(&golden, "expected.logits", &model.forward(&ids).unwrap());
            lora::fuse(&mut model, true).unwrap();
            fixture::assert_close(&golden, "expected.logits", &model.forward(&ids).unwrap());
        }
    }
}

#[test]
fn a_saved_folder_is_the_one_that_python_wrote() {
    for kind in KINDS {
        // Loaded from one format, saved in the other.
        for ((format, name, arrays), (_, other, _)) in FORMATS.into_iter().zip(FORMATS.into_iter().rev()) {
            let written = tempfile::tempdir().unwrap();
            lora::save(&adapted(kind, other), written.path().join("new"), format).unwrap();
            let (ours, theirs) = (written.path().join("new"), folder(kind).join(name));
            assert_eq!(contents(&ours.join(arrays)), contents(&theirs.join(arrays)), "{kind} {name}");
            let (ours, theirs) =
                (json(ours.join("adapter_config.json")), json(theirs.join("adapter_config.json")));
            for (key, value) in theirs.as_object().unwrap() {
                assert_eq!(&ours[key], value, "{kind} {name} {key}");
            }
        }
    }
}

#[test]
fn adapters_of_several_ranks_and_scales_fit_in_a_folder_of_peft_only() {
    let mut model = base("lora");
    let attach = |model: &mut Tiny, path: &str, rank: i32, scale: f32| {
        let options = Options { rank, scale, ..Options::default() };
        lora::attach(model, &options, |p| p == path, &Key::new(0).unwrap()).unwrap();
    };
    attach(&mut model, "head", 2, 3.0);
    attach(&mut model, "layers.0.up", 3, 0.3);
    let written = tempfile::tempdir().unwrap();
    let refused = lora::save(&model, written.path(), Format::MlxLm).unwrap_err().to_string();
    assert!(refused.starts_with("lora_parameters: mlx-lm knows one for all layers, not both"), "{refused}");
    lora::save(&model, written.path(), Format::Peft).unwrap();
    let config = json(written.path().join("adapter_config.json"));
    assert_eq!(config["target_modules"], json!(["head", "layers.0.up"]));
    let mut loaded = base("lora");
    lora::load(&mut loaded, written.path()).unwrap();
    let ids = Array::from([[3_u32, 4, 5]]);
    assert_eq!(bytes(&loaded.forward(&ids).unwrap()), bytes(&model.forward(&ids).unwrap()));
    assert_eq!(loaded.parameters().len(), base("lora").parameters().len() + 4);
}

#[test]
fn arrays_that_do_not_fit_are_all_listed_and_the_model_stays() {
    let broken = tempfile::tempdir().unwrap();
    fs::copy(folder("lora").join("mlx-lm/adapter_config.json"), broken.path().join("adapter_config.json"))
        .unwrap();
    let path = broken.path().join("adapters.safetensors");
    let mut arrays = io::load_safetensors(folder("lora").join("mlx-lm/adapters.safetensors")).unwrap().arrays;
    arrays.remove("head.lora_b").unwrap();
    let extra = arrays.remove("layers.1.up.lora_a").unwrap();
    arrays.insert("layers.7.up.lora_a".to_owned(), extra.clone());
    arrays.insert("layers.1.up.lora_a".to_owned(), extra.t().unwrap());
    io::save_safetensors(&path, arrays.iter().map(|(name, array)| (name.as_str(), array)), &BTreeMap::new())
        .unwrap();

    let mut model = base("lora");
    let Error::Weights(report) = lora::load(&mut model, broken.path()).unwrap_err() else {
        panic!("no report")
    };
    assert_eq!(report.missing, ["head.lora_b"]);
    assert_eq!(report.unused, ["layers.7.up.lora_a"]);
    let misshapen: Vec<_> =
        report.misshapen.iter().map(|one| (one.name.as_str(), one.expected.as_str())).collect();
    assert_eq!(misshapen, [("layers.1.up.lora_a", "[16, 4]")]);
    assert_eq!(model.parameters().len(), base("lora").parameters().len());
}

#[test]
fn settings_that_mean_something_else_are_refused() {
    let refused = |kind: &str, format: &str, change: &dyn Fn(&mut Value)| {
        let copy = tempfile::tempdir().unwrap();
        for file in fs::read_dir(folder(kind).join(format)).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let path = copy.path().join("adapter_config.json");
        let mut config = json(path.clone());
        change(&mut config);
        fs::write(&path, config.to_string()).unwrap();
        lora::load(&mut base(kind), copy.path()).unwrap_err().to_string()
    };
    let error = refused("lora", "mlx-lm", &|config| config["fine_tune_type"] = "full".into());
    assert_eq!(error, "fine_tune_type: `full` makes no adapters, only lora and dora");
    let error = refused("lora", "peft", &|config| config["peft_type"] = "LOHA".into());
    assert_eq!(error, "peft_type: `LOHA` is not known, only LORA");
    let error = refused("lora", "peft", &|config| config["use_dora"] = true.into());
    assert!(error.starts_with("use_dora: PEFT's magnitudes of tables are of columns: "), "{error}");
    let error = refused("dora", "peft", &|config| config["rank_pattern"] = json!({ r"layers\.\d.up": 2 }));
    assert!(error.starts_with(r"rank_pattern, alpha_pattern: `layers\.\d.up` is an expression"), "{error}");
    let error = refused("lora", "mlx-lm", &|config| *config = json!([]));
    assert!(error.contains("adapter_config.json: "), "{error}");
}

#[test]
fn a_model_without_adapters_has_none_to_save() {
    let error = lora::save(&base("lora"), "nowhere", Format::MlxLm).unwrap_err().to_string();
    assert_eq!(error, "layers: none has an adapter to save");
    assert!(!Path::new("nowhere").exists());
}
