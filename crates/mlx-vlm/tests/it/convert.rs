//! Conversions keep what lets a model see.

use std::path::Path;

use mlx_core::{Dtype, Precision, Quantization};
use mlx_lm::convert::{Convert, Quantize};
use mlx_vlm::VisionLanguageModel;
use mlx_vlm::mlx_hub::Source;
use mlx_vlm::mlx_image::Size;

use crate::conversations::{folder, picture};

fn open(path: &Path) -> VisionLanguageModel {
    VisionLanguageModel::load(Source::path(path), Dtype::Float32, Precision::Exact).unwrap()
}

/// Scores of a conversation that shows a picture.
fn scores(model: &VisionLanguageModel) -> Vec<f32> {
    let turn = mlx_vlm::Turn::user("What is it?").with(picture(Size { height: 37, width: 51 }, 0));
    let prompt = model.chat(&[turn]).unwrap();
    model.logits(&prompt, &mut model.language().model().cache()).unwrap().to_vec().unwrap()
}

#[test]
fn a_tower_is_written_as_it_is_stored() {
    let beside = tempfile::tempdir().unwrap();
    let (source, target) = (folder("qwen2-vl"), beside.path().join("converted"));
    let converted = Convert::new(Source::path(&source)).keep_others().save(&target).unwrap();
    assert_eq!(scores(&open(&target)), scores(&open(&source)));
    let bytes = std::fs::metadata(target.join("model.safetensors")).unwrap().len() as usize;
    assert!(converted.bytes < bytes && bytes < converted.bytes + (1 << 14), "{converted:?} {bytes}");
}

#[test]
fn decoders_by_other_names_are_written_and_read_again() {
    for name in ["deepseek-ocr", "moondream2", "moondream3"] {
        let beside = tempfile::tempdir().unwrap();
        let (source, target) = (folder(name), beside.path().join("converted"));
        Convert::new(Source::path(&source)).keep_others().save(&target).unwrap();
        let error = mlx_testkit::relative_rms(&scores(&open(&target)), &scores(&open(&source)));
        assert!(error == 0.0, "{name}: off by {error}");
    }
}

#[test]
fn only_the_decoder_is_quantized() {
    let beside = tempfile::tempdir().unwrap();
    let (source, target) = (folder("qwen2-vl"), beside.path().join("quantized"));
    let layers = Quantize::new(Quantization::affine(8, 32));
    Convert::new(Source::path(&source)).quantize(layers).keep_others().save(&target).unwrap();
    let (found, expected) = (scores(&open(&target)), scores(&open(&source)));
    let error = mlx_testkit::relative_rms(&found, &expected);
    assert!((1e-5..0.05).contains(&error), "{error}");
    let stored = mlx_core::io::load_safetensors(target.join("model.safetensors")).unwrap();
    assert!(stored.arrays.contains_key("language_model.model.layers.0.mlp.up_proj.scales"));
    assert!(!stored.arrays.keys().any(|name| name.starts_with("visual") && name.ends_with("scales")));
}

#[test]
fn without_its_tower_a_model_is_one_of_text() {
    let beside = tempfile::tempdir().unwrap();
    let target = beside.path().join("text");
    Convert::new(Source::path(folder("qwen2-vl"))).save(&target).unwrap();
    mlx_lm::Loader::new(Source::path(&target)).load().unwrap();
    let refused = VisionLanguageModel::load(Source::path(&target), None, Precision::Exact).err().unwrap();
    assert!(refused.to_string().contains("vision_config"), "{refused}");
}
