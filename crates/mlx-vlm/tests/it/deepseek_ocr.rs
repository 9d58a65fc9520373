//! DeepSeek-OCR, against mlx-vlm as its authors would have it.

use mlx_core::stack;
use serde_json::json;

use crate::conversations::Family;
use crate::stored::refused;
use crate::tiled_checkpoints::{Arrays, channels_last, check, renamed, respelled};

#[test]
fn deepseek_ocr_sees_what_mlx_vlm_sees() {
    Family::open("deepseek-ocr").check();
}

/// Names of MLX.
const MLX: &[(&str, &str)] = &[
    ("model.sam_model.", "sam_model."),
    ("model.vision_model.", "vision_model."),
    ("model.projector.", "projector."),
    ("model.image_newline", "image_newline"),
    ("model.view_seperator", "view_separator"),
    ("model.", "language_model.model."),
    ("lm_head.", "language_model.lm_head."),
];

/// Experts in one array for each layer.
fn stacked(mut arrays: Arrays) -> Arrays {
    let firsts: Vec<_> = arrays.keys().filter(|name| name.contains(".experts.0.")).cloned().collect();
    for first in firsts {
        let experts = (0..).map_while(|at| arrays.remove(&first.replace(".0.", &format!(".{at}."))));
        let experts: Vec<_> = experts.collect();
        arrays.insert(first.replace("experts.0.", "switch_mlp."), stack(&experts, 0).unwrap());
    }
    arrays
}

/// Convolutions channels last, where the four axes of places are as they are.
fn last(mut arrays: Arrays) -> Arrays {
    let name = "model.sam_model.pos_embed";
    let places = arrays.remove(name).unwrap();
    let mut arrays = channels_last(arrays);
    arrays.insert(name.into(), places);
    arrays
}

#[test]
fn deepseek_ocr_is_read_as_mlx_stores_it() {
    let arrays = |arrays| renamed(last(stacked(arrays)), MLX);
    let copy = respelled("deepseek-ocr", arrays, |config| config["model_type"] = json!("deepseekocr"));
    check("deepseek-ocr", &copy);
}

#[test]
fn a_deepseek_ocr_that_cannot_be_is_one_error_that_names_why() {
    let sam = |field| format!("/vision_config/width/sam_vit_b/{field}");
    let clip = |field| format!("/vision_config/width/clip-l-14-224/{field}");
    for (field, value, expected) in [
        ("/vision_config/width".to_owned(), json!(1152), "only DeepSeek-OCR is supported"),
        ("/tile_tag".to_owned(), json!("1D"), "tile_tag `1D`"),
        ("/projector_config/projector_type".to_owned(), json!("mlp"), "projector_type `mlp`"),
        ("/projector_config/n_embed".to_owned(), json!(0), "n_embed is 0"),
        (sam("patch_size"), json!(0), "sam_vit_b: patch_size is 0"),
        (sam("window_size"), json!(-1), "window_size is -1"),
        (sam("heads"), json!(3), "sam_vit_b: 2 layers, 16 wide with 3 heads"),
        (sam("layers"), json!(4096), "4096 layers"),
        (sam("image_size"), json!(3), "image_size / patch_size is 0"),
        (
            sam("downsample_channels"),
            json!([8, 24]),
            "downsample_channels 24 before clip-l-14-224 of width 16",
        ),
        (clip("image_size"), json!(i32::MAX), "clip-l-14-224: image_size is 2147483647"),
        (clip("heads"), json!(0), "heads is 0"),
        ("/language_config/use_mla".to_owned(), json!(true), "use_mla must be false"),
        ("/language_config/topk_method".to_owned(), json!("noaux_tc"), "topk_method `noaux_tc`"),
        ("/language_config/num_experts_per_tok".to_owned(), json!(6), "num_experts_per_tok is 6"),
    ] {
        let error = refused("deepseek-ocr", &field, value);
        assert!(error.contains(expected), "{field}: {error}");
    }
}
