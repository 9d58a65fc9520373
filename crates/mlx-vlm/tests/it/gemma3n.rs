//! Gemma 3n against transformers, whose tower is timm's.

use std::time::Duration;

use mlx_core::Array;
use mlx_vlm::mlx_image::Size;
use mlx_vlm::{Media, Video};
use serde_json::json;

use crate::conversations::{Family, picture};
use crate::stored::{refused, stored};

#[test]
fn gemma3n_sees_what_transformers_sees() {
    Family::open("gemma3n").check();
}

#[test]
fn gemma3n_is_read_as_mlx_stores_it() {
    let copy = stored("gemma3n", |name, array| {
        let name = name.trim_start_matches("model.");
        let last = if name.starts_with("vision_tower") && array.ndim() == 4 {
            array.transpose([0, 2, 3, 1]).unwrap().contiguous(false).unwrap()
        } else {
            array
        };
        (name.replace("language_model.", "language_model.model."), last)
    });
    Family::of("gemma3n", copy.path().to_owned()).check();
}

#[test]
fn what_weights_cannot_be_is_one_error() {
    let load = |change: &dyn Fn(&str, Array) -> (String, Array)| {
        let copy = stored("gemma3n", change);
        let source = mlx_vlm::mlx_hub::Source::path(copy.path());
        let loaded = mlx_vlm::VisionLanguageModel::load(source, None, mlx_core::Precision::Exact);
        loaded.err().unwrap().to_string()
    };
    let without = load(&|name, array| (name.replace("blocks.2.0.dw_", "blocks.2.0.other_"), array));
    assert!(without.contains("a stage begins with a block that does not halve"), "{without}");
    let stages = load(&|name, array| (name.replace("timm_model.blocks.1.", "timm_model.blocks.9."), array));
    assert!(stages.contains("blocks of 1 stages"), "{stages}");
    let heads = load(&|name, array| {
        let cut = name.ends_with("blocks.2.2.attn.query.proj.weight");
        (name.to_owned(), if cut { array.index(..10).unwrap() } else { array })
    });
    assert!(heads.contains("queries 10 wide and keys 4 wide"), "{heads}");
    let kernel = load(&|name, array| {
        let cut = name.ends_with("blocks.1.0.dw_mid.conv.weight");
        (name.to_owned(), if cut { array.index((.., .., ..4, ..4)).unwrap() } else { array })
    });
    assert!(kernel.contains("a kernel of 4: it must be odd"), "{kernel}");
}

#[test]
fn values_that_cannot_be_are_named() {
    for (path, value, expected) in [
        ("/vision_config/architecture", json!("mobilenetv4"), "architecture `mobilenetv4` is not supported"),
        ("/vision_config/hidden_size", json!(0), "hidden_size is 0: it must be from 1 to 65536"),
        ("/vision_config/vocab_size", json!(-1), "vocab_size is -1"),
        ("/vision_config/model_args/msfa_output_resolution", json!(1 << 30), "msfa_output_resolution"),
        ("/vision_soft_tokens_per_image", json!(5), "vision_soft_tokens_per_image is 5"),
        ("/text_config/hidden_size", json!(0), "hidden_size"),
    ] {
        let message = refused("gemma3n", path, value.clone());
        assert!(message.contains(expected), "{path} of {value}: {message}");
    }
}

#[test]
fn what_gemma3n_cannot_see_is_refused() {
    let frames = vec![picture(Size::square(16), 0)];
    let film = Media::from(Video { frames, interval: Duration::from_secs(1) });
    let family = Family::open("gemma3n");
    let message = family.model.prompt("?", [&film]).unwrap_err().to_string();
    assert_eq!(message, "Gemma 3n takes no videos: show frames of it as images");
    let copy = stored("gemma3n", |name, array| (name.to_owned(), array));
    let other = json!({"image_processor_type": "SiglipImageProcessor", "size": {"height": 80, "width": 96}});
    std::fs::write(copy.path().join("preprocessor_config.json"), other.to_string()).unwrap();
    let family = Family::of("gemma3n", copy.path().to_owned());
    let shown = Media::from(picture(Size::square(16), 0));
    let message = family.model.prompt("<image_soft_token>", [&shown]).unwrap_err().to_string();
    assert!(message.contains("5 rows and 6 columns: both must be multiples of 2"), "{message}");
}
