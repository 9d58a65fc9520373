//! Tiny random towers of CLIP and SigLIP against transformers.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype};
use mlx_embed::mlx_image::{Image, PatchProcessor, Processor};
use mlx_embed::{DualEncoder, Error};
use mlx_hub::Source;
use mlx_testkit::{Checkpoint, Golden, relative_rms};
use serde_json::{Value, json};
use tempfile::TempDir;

const FAMILIES: [&str; 3] = ["clip", "siglip", "siglip2"];
const TEXTS: [&str; 5] = ["a b c", "Z, y.", "m q r s t u v w", "h I c", "a b c d e f g h i j k l m n o p"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn load(folder: &Path) -> Result<DualEncoder, Error> {
    DualEncoder::load(&Source::path(folder), None)
}

fn expected(name: &str) -> Golden {
    Golden::open(folder(name).join("expected.safetensors"))
}

fn images(name: &str) -> Vec<Image> {
    (0..3).map(|at| Image::open(folder(name).join(format!("image-{at}.png"))).unwrap()).collect()
}

/// A checkpoint with the other files of the family `name` beside it.
fn checkpoint(name: &str, checkpoint: &Checkpoint) -> TempDir {
    let written = checkpoint.write();
    for file in ["preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"] {
        fs::copy(folder(name).join(file), written.path().join(file)).unwrap();
    }
    written
}

#[track_caller]
fn assert_close(found: &Array, golden: &Golden, name: &str) {
    let shape: Vec<_> = found.shape().iter().map(|&length| length as usize).collect();
    assert_eq!(shape, golden.shape(name), "{name}");
    let error = relative_rms(&found.to_vec::<f32>().unwrap(), &golden.f32(name));
    assert!(error < 1e-5, "{name}: {error:e}");
}

#[test]
fn every_family_agrees_with_transformers() {
    for name in FAMILIES {
        let (model, golden) = (load(&folder(name)).unwrap(), expected(name));
        let (texts, images) =
            (model.embed_texts(&TEXTS).unwrap(), model.embed_images(&images(name)).unwrap());
        assert_close(&texts, &golden, "texts");
        assert_close(&images, &golden, "images");
        assert_close(&model.logits(&texts, &images).unwrap(), &golden, "logits");
        assert_close(&model.probabilities(&texts, &images).unwrap(), &golden, "probabilities");
    }
}

#[test]
fn processors_give_the_pixels_of_transformers() {
    for name in FAMILIES {
        let found: Vec<f32> = match name {
            "siglip2" => {
                let processor = PatchProcessor::from_dir(folder(name)).unwrap();
                let padded =
                    |image: &Image| processor.apply(image).unwrap().padded(processor.most()).unwrap().0;
                images(name).iter().flat_map(padded).collect()
            }
            _ => {
                let processor = Processor::from_dir(folder(name)).unwrap();
                images(name).iter().flat_map(|image| processor.apply(image).unwrap().values).collect()
            }
        };
        assert_eq!(found, expected(name).f32("pixel_values"), "{name}");
    }
}

#[test]
fn one_at_a_time_changes_nothing() {
    for name in FAMILIES {
        let (model, golden) = (load(&folder(name)).unwrap(), expected(name));
        let rows = |all: Vec<Array>| mlx_core::concatenate(&all, 0).unwrap();
        let texts = TEXTS.iter().map(|text| model.embed_texts(&[text]).unwrap()).collect();
        assert_close(&rows(texts), &golden, "texts");
        let alone = images(name).into_iter().map(|image| model.embed_images(&[image]).unwrap()).collect();
        assert_close(&rows(alone), &golden, "images");
        let width = model.towers().width();
        assert_eq!(model.embed_texts::<&str>(&[]).unwrap().shape(), [0, width]);
        assert_eq!(model.embed_images(&[]).unwrap().shape(), [0, width]);
    }
}

#[test]
fn many_run_in_batches_and_stay_in_order() {
    let model = load(&folder("siglip2")).unwrap();
    let texts: Vec<_> = TEXTS.iter().cycle().take(200).collect();
    let vectors = model.embed_texts(&texts).unwrap();
    let images: Vec<_> = images("siglip2").into_iter().cycle().take(100).collect();
    let seen = model.embed_images(&images).unwrap();
    let golden = expected("siglip2");
    assert_close(&vectors.index(195..).unwrap(), &golden, "texts");
    assert_close(&seen.index(96..99).unwrap(), &golden, "images");
}

#[test]
fn a_config_that_says_2_means_the_highest_token() {
    let given = Checkpoint::read(folder("clip"));
    let mut config: Value = serde_json::from_slice(&fs::read(folder("clip/config.json")).unwrap()).unwrap();
    config["text_config"]["eos_token_id"] = json!(2);
    let written = checkpoint("clip", &given.with_config("text_config", config["text_config"].clone()));
    let model = load(written.path()).unwrap();
    assert_close(&model.embed_texts(&TEXTS).unwrap(), &expected("clip"), "highest");
}

#[test]
fn halves_are_near_singles() {
    for name in FAMILIES {
        let model = DualEncoder::load(&Source::path(folder(name)), Some(Dtype::Bfloat16)).unwrap();
        let (texts, images) =
            (model.embed_texts(&TEXTS).unwrap(), model.embed_images(&images(name)).unwrap());
        for (found, of) in [(texts, "texts"), (images, "images")] {
            assert_eq!(found.dtype(), Dtype::Float32);
            let error = relative_rms(&found.to_vec::<f32>().unwrap(), &expected(name).f32(of));
            assert!(error < 0.1, "{name}, {of}: {error:e}");
        }
    }
}

#[test]
fn what_cannot_be_built_says_why() {
    let read = |name: &str| Checkpoint::read(folder(name));
    let message =
        |name: &str, given: Checkpoint| load(checkpoint(name, &given).path()).err().unwrap().to_string();
    let unknown = message("clip", read("clip").with_config("model_type", "blip"));
    assert_eq!(unknown, "model type `blip` is not supported (known: clip, siglip, siglip2)");
    for (name, key) in [
        ("clip", "text_projection.weight"),
        ("clip", "vision_model.pre_layrnorm.bias"),
        ("siglip", "vision_model.head.probe"),
        ("siglip", "logit_bias"),
        ("siglip2", "vision_model.embeddings.patch_embedding.bias"),
    ] {
        let missing = message(name, read(name).without(key));
        assert!(missing.contains(&format!("missing: {key}")), "{missing}");
    }
    assert!(message("clip", read("clip").with("logit_bias", &[1])).contains("unused: logit_bias"));
    let misshapen = message(
        "siglip",
        read("siglip").with("vision_model.embeddings.patch_embedding.weight", &[16, 5, 6, 3]),
    );
    assert!(misshapen.contains("patch_embedding.weight"), "{misshapen}");
    let extra = message("siglip", read("siglip").with("vision_model.head.more", &[1]));
    assert!(extra.contains("unused: vision_model.head.more"), "{extra}");
    assert!(
        load(checkpoint("clip", &read("clip").with("text_model.embeddings.position_ids", &[1, 12])).path())
            .is_ok()
    );
    let width = message("siglip", read("siglip").with_config("vision_config", json!({"hidden_size": 24})));
    assert!(width.contains("vectors of images have 24 elements, and those of texts 16"), "{width}");
}

#[test]
fn images_of_another_size_than_the_model_takes_are_refused() {
    let written = checkpoint("siglip", &Checkpoint::read(folder("siglip")));
    let config = json!({"image_processor_type": "SiglipImageProcessor", "size": {"height": 30, "width": 24}});
    fs::write(written.path().join("preprocessor_config.json"), config.to_string()).unwrap();
    let error = load(written.path()).unwrap().embed_images(&images("siglip")).unwrap_err().to_string();
    assert_eq!(error, "preprocessor_config.json: images become 5 x 4 patches, and the model takes 4 x 4");
}
