//! Parameters in files.

use std::collections::BTreeMap;

use mlx_core::random::Key;
use mlx_core::{Array, Dtype, io};
use mlx_nn::{Error, Misshapen, Mlp, Module, Parameters, Weights};

fn model(seed: u64) -> Mlp {
    Weights::init(Key::new(seed).unwrap()).build(|w| Mlp::load(w, 4, 8, true)).unwrap()
}

fn values(model: &Mlp) -> Vec<(String, Vec<f32>)> {
    model.parameters().into_iter().map(|(path, array)| (path, array.to_vec().unwrap())).collect()
}

#[test]
fn a_model_is_saved_and_loaded_with_its_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let (saved, mut loaded) = (model(1), model(2));
    let metadata = BTreeMap::from([("format".to_owned(), "mlx".to_owned())]);
    saved.parameters().save(&path, &metadata).unwrap();
    assert_ne!(values(&loaded), values(&saved));
    loaded.replace(&Parameters::load(&path).unwrap()).unwrap();
    assert_eq!(values(&loaded), values(&saved));
    assert_eq!(io::load_safetensors(&path).unwrap().metadata, metadata);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);

    let built =
        Weights::new(Parameters::load(&path).unwrap().into(), None).build(|w| Mlp::load(w, 4, 8, true));
    assert_eq!(values(&built.unwrap()), values(&saved));
}

#[test]
fn a_file_with_a_missing_an_extra_and_a_misshapen_key_lists_all_three() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut parameters = model(1).parameters();
    parameters.remove("up_proj.weight").unwrap();
    parameters.insert("up_proj.lora", Array::zeros([2], Dtype::Float32).unwrap());
    parameters.insert("down_proj.bias", Array::zeros([5], Dtype::Float32).unwrap());
    parameters.save(&path, &BTreeMap::new()).unwrap();

    let mut model = model(2);
    let before = values(&model);
    let error = model.replace(&Parameters::load(&path).unwrap()).unwrap_err();
    let Error::Weights(report) = &error else { panic!("{error}") };
    assert_eq!(report.missing, ["up_proj.weight"]);
    assert_eq!(report.unused, ["up_proj.lora"]);
    let misshapen = Misshapen {
        name: "down_proj.bias".into(),
        found: "[5] float32".into(),
        expected: "[4] float32".into(),
    };
    assert_eq!(report.misshapen, [misshapen]);
    assert_eq!(values(&model), before);
}

#[test]
fn a_part_of_a_file_is_loaded_where_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.npz");
    let saved = model(1);
    io::save_npz(&path, saved.parameters().iter(), io::Compression::None).unwrap();
    let mut loaded = model(2);
    loaded.update(&Parameters::load(&path).unwrap().filter(|path| path.starts_with("gate_proj"))).unwrap();
    let (before, saved) = (values(&model(2)), values(&saved));
    for ((after, before), saved) in values(&loaded).into_iter().zip(before).zip(saved) {
        let expected = if after.0.starts_with("gate_proj") { saved } else { before };
        assert_eq!(after, expected);
    }
}

#[test]
fn a_file_of_one_array_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    io::save_npy(&path, &Array::from([1.0, 2.0])).unwrap();
    let error = Parameters::load(&path).unwrap_err();
    assert!(error.message().contains("without a name"), "{error}");
}
