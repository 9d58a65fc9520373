//! Moondream, against mlx-vlm as its authors would have it.

use std::fs;

use mlx_lm::GenerateOptions;
use mlx_vlm::mlx_image::{Image, Size};
use mlx_vlm::{Turn, VisionChat};
use serde_json::{Value, json};

use crate::conversations::{Family, folder, picture};
use crate::stored::refused;
use crate::tiled_checkpoints::{check, renamed, respelled};

#[test]
fn moondream_sees_what_mlx_vlm_sees() {
    Family::open("moondream2").check();
}

#[test]
fn moondream3_sees_what_mlx_vlm_sees() {
    Family::open("moondream3").check();
}

/// Names of MLX.
const MLX: &[(&str, &str)] = &[
    ("model.text.blocks.", "text.model.layers."),
    ("model.text.wte", "text.model.embed_tokens.weight"),
    ("model.text.lm_head.", "text.lm_head."),
    ("model.text.", "text.model."),
    ("model.vision.proj_mlp.", "vision.proj_mlp."),
    ("model.vision.", "vision.encoder."),
    ("model.region.", "region."),
];

#[test]
fn moondream_is_read_as_mlx_stores_it() {
    let config = |config: &mut Value| {
        config["model_type"] = json!("moondream2");
        let own = config["config"].as_object_mut().unwrap();
        own.remove("text");
        own.remove("vision");
        config["text_config"] = json!({
            "model_type": "moondream2", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2,
            "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 261, "max_position_embeddings": 512,
        });
        config["vision_config"] = json!({
            "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
            "crop_size": 70, "max_crops": 5, "overlap_margin": 1, "proj_inner_dim": 24, "proj_out_dim": 32,
        });
    };
    check("moondream2", &respelled("moondream2", |arrays| renamed(arrays, MLX), config));
}

#[test]
fn moondream3_is_read_as_mlx_stores_it() {
    let [_, _, names @ ..] = MLX else { panic!("{MLX:?}") };
    let names = [&[("model.text.wte", "text.model.wte.weight")], names].concat();
    check("moondream3", &respelled("moondream3", |arrays| renamed(arrays, &names), |_| ()));
}

fn dot(seed: usize) -> Image {
    picture(Size { height: 130, width: 90 }, seed)
}

#[test]
fn moondream_goes_on_behind_an_image() {
    let model = Family::open("moondream2").model;
    let options = GenerateOptions { max_tokens: 3, ..GenerateOptions::default() };
    let prompt = model.chat(&[Turn::user("What?").with(dot(0))]).unwrap();
    assert_eq!(prompt.image_tokens(), 25);
    assert!(prompt.tokens().iter().filter(|&&token| token == 260).count() == 25);
    assert!(model.generate(&prompt, options.clone()).unwrap().all(|piece| piece.is_ok()));
    let mut chat = VisionChat::new(&model).unwrap().with(|session| session.options(options)).unwrap();
    for turn in [Turn::user("What?").with(dot(0)), Turn::user("And <b>now</b>?")] {
        assert!(chat.send(turn).unwrap().all(|event| event.is_ok()));
    }
    assert_eq!(model.features().runs(), 1);
}

/// What the reference finds.
fn found() -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(folder("moondream2").join("found.json")).unwrap()).unwrap()
}

/// An image of a case, with how many pixels are in each direction.
fn shown(case: &Value) -> (Image, [f64; 2]) {
    let number = |name: &str| case["image"][name].as_u64().unwrap() as usize;
    let size = Size { height: number("height"), width: number("width") };
    (picture(size, number("seed")), [size.width as f64, size.height as f64])
}

#[test]
fn moondream_finds_what_its_authors_would() {
    let model = Family::open("moondream2").model;
    for case in found() {
        let ((image, [width, height]), what) = (shown(&case), case["what"].as_str().unwrap());
        let most = case["most"].as_u64().unwrap() as usize;
        let things = case["found"].as_array().unwrap().iter();
        let things: Vec<Vec<f64>> = things.map(|at| serde_json::from_value(at.clone()).unwrap()).collect();
        let (found, expected): (Vec<f64>, Vec<f64>) = if case["sized"] == true {
            let corners = things.iter().flat_map(|at| {
                let within =
                    |middle: f64, length: f64, side: f64| (middle + length / 2.0).clamp(0.0, 1.0) * side;
                let [x, y, w, h] = at[..] else { panic!("{at:?}") };
                [within(x, -w, width), within(y, -h, height), within(x, w, width), within(y, h, height)]
            });
            (model.detect(&image, what, most).unwrap().concat(), corners.collect())
        } else {
            let pixels = things.iter().flat_map(|at| [at[0] * width, at[1] * height]);
            (model.point(&image, what, most).unwrap().concat(), pixels.collect())
        };
        assert_eq!(found.len(), expected.len(), "{case}");
        let close = found.iter().zip(&expected).all(|(found, expected)| (found - expected).abs() < 1e-4);
        assert!(close, "{found:?} instead of {expected:?}");
    }
}

#[test]
fn moondream_finds_no_more_behind_the_end() {
    let case = &found()[0];
    let then: Vec<u32> = serde_json::from_value(case["then"].clone()).unwrap();
    let ended = respelled(
        "moondream2",
        |arrays| arrays,
        |config| {
            config["config"]["tokenizer"]["eos_id"] = json!(then[0]);
        },
    );
    let model = Family::of("moondream2", ended.path().to_owned()).model;
    let (image, _) = shown(case);
    assert_eq!(model.point(&image, case["what"].as_str().unwrap(), 5).unwrap().len(), 1);
}

#[test]
fn a_model_without_heads_for_it_says_that_it_finds_nothing() {
    for name in ["moondream3", "deepseek-ocr"] {
        let model = Family::open(name).model;
        let error = model.detect(&dot(0), "cat", 1).unwrap_err().to_string();
        assert!(error.contains("no heads that find things"), "{name}: {error}");
    }
}

#[test]
fn moondream_takes_one_image() {
    let model = Family::open("moondream2").model;
    let error = model.chat(&[Turn::user("Both?").with(dot(0)).with(dot(1))]).unwrap_err().to_string();
    assert!(error.contains("takes one image"), "{error}");
}

#[test]
fn a_tokenizer_that_moondream_does_not_know_is_refused() {
    let copy = respelled("moondream2", |arrays| arrays, |_| ());
    let file = copy.path().join("tokenizer.json");
    let text = fs::read_to_string(&file).unwrap().replace("\"id\":256", "\"id\":50256");
    let text = text.replace("\"vocab\":{", "\"vocab\":{\"<|endoftext|>\":50256,");
    fs::write(file, text).unwrap();
    let error = Family::of("moondream2", copy.path().to_owned()).model.chat(&[Turn::user("Who?")]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("tokenizer.json is that of GPT-2"), "{error}");
}

#[test]
fn a_moondream_that_cannot_be_is_one_error_that_names_why() {
    for (field, value, expected) in [
        ("enc_n_heads", json!(0), "num_attention_heads is 0"),
        ("enc_n_heads", json!(3), "16 wide with 3 heads"),
        ("enc_n_layers", json!(4096), "4096 layers"),
        ("crop_size", json!(71), "parts of 71 pixels"),
        ("crop_size", json!(14), "of which 1 overlap"),
        ("overlap_margin", json!(-1), "of which -1 overlap"),
        ("overlap_margin", json!(i32::MAX), "of which 2147483647 overlap"),
        ("max_crops", json!(0), "max_crops is 0"),
        ("proj_out_dim", json!(24), "vectors 24 wide to a decoder whose hidden_size is 32"),
    ] {
        let error = refused("moondream2", &format!("/config/vision/{field}"), value);
        assert!(error.contains(expected), "{field}: {error}");
    }
    let error = refused("moondream2", "/config/region/size_out_dim", json!(2));
    assert!(error.contains("size_out_dim / 2 - 1 is 0"), "{error}");
    for (name, field, value, expected) in [
        ("moondream2", "n_heads", json!(0), "num_attention_heads is 0"),
        ("moondream3", "n_kv_heads", json!(2), "2 num_key_value_heads of 4 are not supported"),
        ("moondream3", "moe/experts_per_token", json!(6), "num_experts_per_tok is 6"),
        ("moondream3", "moe/expert_inner_dim", json!(0), "moe_intermediate_size is 0"),
    ] {
        let error = refused(name, &format!("/config/text/{field}"), value);
        assert!(error.contains(expected), "{field}: {error}");
    }
}
