//! Phi-3-V against mlx-vlm.

use std::time::Duration;

use mlx_lm::GenerateOptions;
use mlx_vlm::mlx_image::Size;
use mlx_vlm::{Media, Turn, Video, VisionChat};
use serde_json::json;

use crate::conversations::{Family, picture};
use crate::stored::{refused, stored};

#[test]
fn phi_3_v_sees_what_mlx_vlm_sees() {
    Family::open("phi3-v").check();
}

#[test]
fn phi_3_v_is_read_with_channels_last() {
    let copy = stored("phi3-v", |name, array| {
        let array = match array.ndim() {
            4 if name.ends_with("patch_embedding.weight") => {
                array.transpose([0, 2, 3, 1]).unwrap().contiguous(false).unwrap()
            }
            _ => array,
        };
        (name.to_owned(), array)
    });
    Family::of("phi3-v", copy.path().to_owned()).check();
}

#[test]
fn a_conversation_with_phi_3_v_numbers_its_images() {
    let family = Family::open("phi3-v");
    let options = GenerateOptions { max_tokens: 2, ..GenerateOptions::default() };
    let mut chat = VisionChat::new(&family.model).unwrap().with(|session| session.options(options)).unwrap();
    for seed in [1, 2] {
        let turn = Turn::user("What?").with(picture(Size::square(20), seed));
        chat.send(turn).unwrap().for_each(|event| drop(event.unwrap()));
    }
    let runs = family.model.features().runs();
    assert_eq!(runs, 2, "each image is seen once");
}

#[test]
fn images_that_are_numbered_otherwise_are_refused() {
    let family = Family::open("phi3-v");
    let media = [1, 2].map(|seed| Media::from(picture(Size::square(20), seed)));
    let prompt = |text: &str| family.model.prompt(text, &media);
    assert!(prompt("<|image_1|><|image_2|>").is_ok());
    for text in ["<|image_2|><|image_1|>", "<|image_1|>"] {
        let error = prompt(text).unwrap_err().to_string();
        assert!(error.contains("writes no <|image_2|>"), "{error}");
    }
}

#[test]
fn phi_3_v_says_that_it_takes_no_videos() {
    let video = Video { frames: vec![picture(Size::square(32), 0)], interval: Duration::from_secs(1) };
    let error = Family::open("phi3-v").model.chat(&[Turn::user("Read.").with(video)]).unwrap_err();
    assert!(error.to_string().contains("takes no videos"), "{error}");
}

#[test]
fn what_cannot_be_is_one_error_that_names_it() {
    for (field, value, expected) in [
        ("/vision_config/image_size", json!(224), "tiles of 336 pixels"),
        ("/vision_config/patch_size", json!(0), "patch_size is 0"),
        ("/vision_config/num_hidden_layers", json!(0), "there must be a layer"),
        ("/vision_config/num_attention_heads", json!(3), "heads must divide the width"),
        ("/img_processor/image_dim_out", json!(8), "image_dim_out is 8: the tower is 16 wide"),
        ("/embd_layer/hd_transform_order", json!("glb_sub"), "sub_glb"),
        ("/embd_layer/projection_cls", json!("linear"), "projection `mlp`"),
        ("/rope_scaling/short_factor", json!([1.0, 2.0]), "2 factors for 4 pairs"),
    ] {
        let error = refused("phi3-v", field, value);
        assert!(error.contains(expected), "{field}: {error}");
    }
}
