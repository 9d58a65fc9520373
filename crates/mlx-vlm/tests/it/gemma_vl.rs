//! Gemmas that see against transformers.

use std::time::Duration;

use mlx_core::Array;
use mlx_lm::GenerateOptions;
use mlx_vlm::mlx_image::Size;
use mlx_vlm::{Media, Video};
use serde_json::json;

use crate::conversations::{Family, picture};
use crate::stored::{refused, stored};

#[test]
fn gemma3_sees_what_transformers_sees() {
    Family::open("gemma3").check();
}

#[test]
fn paligemma_sees_what_transformers_sees() {
    Family::open("paligemma").check();
}

#[test]
fn paligemma2_sees_what_transformers_sees() {
    Family::open("paligemma2").check();
}

#[test]
fn gemma4_sees_what_transformers_sees() {
    Family::open("gemma4").check();
}

#[test]
fn gemma4_whose_images_see_themselves_sees_what_transformers_sees() {
    Family::open("gemma4-together").check();
}

/// A convolution of patches as MLX stores it.
fn channels_last(name: &str, array: Array) -> Array {
    if name.ends_with("patch_embedding.weight") { array.transpose([0, 2, 3, 1]).unwrap() } else { array }
}

#[test]
fn gemma3_is_read_as_mlx_stores_it() {
    let copy = stored("gemma3", |name, array| {
        (name.replace("vision_tower.", "vision_tower.vision_model."), channels_last(name, array))
    });
    Family::of("gemma3", copy.path().to_owned()).check();
}

#[test]
fn gemma3_is_read_by_the_names_of_newer_and_older_checkpoints() {
    let newer = stored("gemma3", |name, array| {
        (format!("model.{}", name.replace("language_model.model.", "language_model.")), array)
    });
    Family::of("gemma3", newer.path().to_owned()).check();
    let older =
        stored("gemma3", |name, array| (name.replace("vision_tower.", "vision_tower.vision_model."), array));
    Family::of("gemma3", older.path().to_owned()).check();
}

#[test]
fn gemma4_is_read_as_mlx_stores_it() {
    let copy = stored("gemma4", |name, array| {
        let name = name.trim_start_matches("model.");
        (name.replace("language_model.", "language_model.model."), array)
    });
    Family::of("gemma4", copy.path().to_owned()).check();
}

#[test]
fn values_that_cannot_be_are_named() {
    for (model, path, value, expected) in [
        ("gemma3", "/vision_config/patch_size", json!(0), "patch_size is 0: it must be from 1 to 256"),
        ("gemma3", "/vision_config/num_attention_heads", json!(3), "heads of equal width"),
        (
            "gemma3",
            "/vision_config/image_size",
            json!(2),
            "images of 2 pixels in 3 channels have no patches of 4",
        ),
        ("gemma3", "/mm_tokens_per_image", json!(9), "mm_tokens_per_image is 9: it must be the square"),
        ("gemma3", "/mm_tokens_per_image", json!(-4), "mm_tokens_per_image is -4"),
        ("paligemma", "/text_config/hidden_size", json!(1 << 20), "hidden_size"),
        ("paligemma", "/vision_config/hidden_size", json!(0), "hidden_size is 0: it must be from 1 to 65536"),
        ("gemma4", "/vision_config/head_dim", json!(6), "as wide as a multiple of 4"),
        ("gemma4", "/vision_config/num_key_value_heads", json!(0), "num_key_value_heads is 0"),
        (
            "gemma4",
            "/vision_config/pooling_kernel_size",
            json!(3),
            "pooling_kernel_size 2 are not those of the tower",
        ),
        (
            "gemma4",
            "/vision_config/position_embedding_size",
            json!(1 << 30),
            "position_embedding_size is 1073741824",
        ),
    ] {
        let message = refused(model, path, value.clone());
        assert!(message.contains(expected), "{model} with {path} of {value}: {message}");
    }
}

#[test]
fn what_a_gemma_cannot_see_is_refused() {
    let frames = vec![picture(Size::square(16), 0), picture(Size { height: 16, width: 24 }, 1)];
    let film = Video { frames, interval: Duration::from_secs(1) };
    let say = |name: &str, text: &str| {
        let family = Family::open(name);
        family.model.prompt(text, [&Media::from(film.clone())]).unwrap_err().to_string()
    };
    assert_eq!(say("gemma3", "?"), "Gemma 3 takes no videos: show frames of it as images");
    assert_eq!(say("paligemma", "?"), "PaliGemma takes no videos: show frames of it as images");
    assert_eq!(say("gemma4", "<|video|>"), "the frames of a video are of several sizes");
    let none = Media::from(Video { frames: Vec::new(), ..film.clone() });
    let message = Family::open("gemma4").model.prompt("<|video|>", [&none]).unwrap_err().to_string();
    assert_eq!(message, "a video has no frames: give at least one");
}

#[test]
fn a_prompt_that_sees_itself_is_within_the_windows() {
    let family = Family::open("paligemma2");
    let prompt = family.model.prompt(&"word ".repeat(20), []).unwrap();
    let message = family.model.prefill(&prompt, &GenerateOptions::default()).unwrap_err().to_string();
    assert!(message.starts_with("100 tokens see each other"), "{message}");
}
