//! FastVLM as its authors store it, and as MLX does, from the golden checkpoint of transformers.

use std::fs;
use std::path::Path;

use mlx_core::{Array, Dtype, Precision};
use mlx_vlm::mlx_hub::Source;
use mlx_vlm::mlx_image::Size;
use mlx_vlm::{Turn, VisionLanguageModel};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::conversations::{Family, folder, picture};
use crate::stored::stored;

/// Where the stages of the tower are in the authors' row of parts.
const STAGES: [(&str, &str); 5] = [("0", ""), ("2", "1"), ("4", "3"), ("7", "5"), ("10", "8")];

/// The authors' name of an array.
fn authors(name: &str) -> String {
    let Some(part) = name.split_once("timm_model.").map(|(_, part)| part) else {
        return name
            .replace("model.language_model.", "model.")
            .replace("multi_modal_projector.linear_1", "mm_projector.0")
            .replace("multi_modal_projector.linear_2", "mm_projector.2");
    };
    let mut part = part.to_owned();
    for (at, (stage, halving)) in STAGES.iter().enumerate() {
        let places = if at == 3 { "6" } else { "9" };
        part = part
            .replace(
                &format!("stages.{at}.downsample.proj.0.reparam_conv"),
                &format!("network.{halving}.proj.0.lkb_reparam"),
            )
            .replace(&format!("stages.{at}.downsample.proj"), &format!("network.{halving}.proj"))
            .replace(&format!("stages.{at}.pos_emb"), &format!("network.{places}"))
            .replace(&format!("stages.{at}.blocks"), &format!("network.{stage}"));
    }
    for (old, new) in [
        ("stem.", "patch_embed."),
        ("final_conv.", "conv_exp."),
        ("se.fc1", "se.reduce"),
        ("se.fc2", "se.expand"),
        (".mlp.", ".convffn."),
        (".gamma", ""),
    ] {
        part = part.replace(old, new);
    }
    format!("model.vision_tower.vision_tower.model.{part}")
}

/// MLX's name of such an array, and its axes.
fn of_mlx(name: &str, array: Array) -> (String, Array) {
    let name = authors(name)
        .replace("model.vision_tower.vision_tower.model", "vision_tower.vision_model")
        .replace("patch_embed.", "patch_embed.blocks.")
        .replace("model.mm_projector", "mm_projector");
    let tower = name.starts_with("vision_tower");
    let stored = match array.ndim() {
        4 if tower => array.transpose([0, 2, 3, 1]).unwrap().contiguous(false).unwrap(),
        3 if tower => array.transpose([1, 2, 0]).unwrap().contiguous(false).unwrap(),
        _ => array,
    };
    let name =
        if tower || name.starts_with("mm_projector") { name } else { format!("language_model.{name}") };
    (name, stored)
}

/// The golden model with arrays of other names, and the config of such checkpoints.
fn copied(change: impl Fn(&str, Array) -> (String, Array), more: &Value) -> TempDir {
    let copy = stored("fast-vlm", change);
    let path = copy.path().join("config.json");
    let mut config: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let mut fields = config["text_config"].take().as_object().unwrap().clone();
    let flat = json!({
        "model_type": "llava_qwen2",
        "architectures": ["LlavaQwen2ForCausalLM"],
        "image_grid_pinpoints": null,
        "mm_hidden_size": 64,
        "mm_patch_merge_type": "flat",
        "mm_projector_type": "mlp2x_gelu",
        "mm_use_im_start_end": false,
        "mm_vision_select_feature": "patch",
        "mm_vision_select_layer": -2,
        "mm_vision_tower": "mobileclip_l_160",
        "tokenizer_model_max_length": 8192,
        "tune_mm_mlp_adapter": false,
        "use_mm_proj": true,
    });
    for from in [&flat, more] {
        fields.extend(from.as_object().unwrap().clone());
    }
    fs::write(path, Value::from(fields).to_string()).unwrap();
    copy
}

fn open(path: &Path) -> VisionLanguageModel {
    VisionLanguageModel::load(Source::path(path), Dtype::Float32, Precision::Exact).unwrap()
}

fn as_authors(name: &str, array: Array) -> (String, Array) {
    let head = ("model.vision_tower.vision_tower.model.head.proj".to_owned(), array.clone());
    // An array that none reads takes the place of one that is tied to another.
    if name == "lm_head.weight" { head } else { (authors(name), array) }
}

#[test]
fn fast_vlm_is_read_as_its_authors_store_it() {
    let copy = copied(as_authors, &json!({"image_token_index": 258}));
    Family::of("fast-vlm", copy.path().to_owned()).check();
}

#[test]
fn fast_vlm_is_read_as_mlx_stores_it() {
    let copy = copied(of_mlx, &json!({"image_token_index": 258, "vision_config": {}}));
    Family::of("fast-vlm", copy.path().to_owned()).check();
}

/// The authors' tokenizer knows no token of images, and their template no parts.
fn as_published(copy: &TempDir) {
    let path = copy.path().join("tokenizer.json");
    let mut words: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    words["added_tokens"].as_array_mut().unwrap().retain(|token| token["content"] != "<image>");
    if let Some(vocabulary) = words["model"]["vocab"].as_object_mut() {
        vocabulary.remove("<image>");
    }
    fs::write(path, words.to_string()).unwrap();
    let template = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + \
                    '<|im_end|>\\n' }}{% endfor %}{{ '<|im_start|>assistant\\n' }}";
    fs::write(copy.path().join("tokenizer_config.json"), json!({"chat_template": template}).to_string())
        .unwrap();
}

#[test]
fn a_token_that_the_tokenizer_does_not_know_stands_for_images() {
    let copy = copied(as_authors, &json!({"image_token_index": -200}));
    as_published(&copy);
    let published = open(copy.path());
    let golden = open(&folder("fast-vlm"));
    let turn = || Turn::user("What is it?").with(picture(Size { height: 37, width: 51 }, 0));
    let scores = |model: &VisionLanguageModel| {
        let prompt = model.chat(&[turn()]).unwrap();
        let scores = model.logits(&prompt, &mut model.language().model().cache()).unwrap();
        (prompt.tokens().to_vec(), scores.to_vec::<f32>().unwrap())
    };
    let ((mut tokens, expected), (found_tokens, found)) = (scores(&golden), scores(&published));
    tokens.iter_mut().filter(|token| **token == 258).for_each(|token| *token = 259);
    assert_eq!(found_tokens, tokens);
    assert_eq!(found, expected);
}

#[test]
fn images_become_square_where_the_config_says_so() {
    let shown = picture(Size { height: 160, width: 80 }, 0);
    let see = |aspect: Value, told: bool| {
        let copy = copied(as_authors, &json!({"image_token_index": 258, "image_aspect_ratio": aspect}));
        if !told {
            fs::remove_file(copy.path().join("preprocessor_config.json")).unwrap();
        }
        let model = open(copy.path());
        let prompt = model.chat(&[Turn::user("?").with(shown.clone())]).unwrap();
        model.logits(&prompt, &mut model.language().model().cache()).unwrap().to_vec::<f32>().unwrap()
    };
    let [padded, cropped] = [json!("pad"), Value::Null].map(|aspect| see(aspect, true));
    assert!(mlx_testkit::relative_rms(&padded, &cropped) > 1e-2);
    assert_eq!(see(json!("pad"), false), padded);
}

#[test]
fn what_cannot_be_is_named() {
    let say = |change: &dyn Fn(&str, Array) -> (String, Array), more: Value| {
        let copy = copied(change, &more);
        let loaded = VisionLanguageModel::load(Source::path(copy.path()), None, Precision::Exact);
        loaded.err().unwrap().to_string()
    };
    let other = say(&as_authors, json!({"mm_projector_type": "resampler"}));
    assert!(other.contains("mm_projector_type is `resampler`"), "{other}");
    let none = say(&|name, array| (authors(name).replace("network.0.", "net.0."), array), json!({}));
    assert!(none.contains("there is no `network` of stages"), "{none}");
}
