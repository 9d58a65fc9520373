//! Florence-2 against transformers, on the model that `xtask/golden/florence2.py` writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_core::{Array, Dtype, concatenate, io};
use mlx_testkit::{Golden, relative_rms};
use mlx_vlm::florence2::{Answer, EarlyStopping, Florence2, Region, Search, Shape, Task, TaskKind};
use mlx_vlm::mlx_hub::Source;
use mlx_vlm::mlx_image::{Image, Size};
use serde_json::{Value, json};

use crate::conversations::picture;

/// How far numbers may be from those of the reference, relative to their size.
const CLOSE: f64 = 2e-5;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/florence2")
}

fn open(folder: &Path) -> mlx_vlm::Result<Florence2> {
    Florence2::load(Source::path(folder), Some(Dtype::Float32))
}

fn golden() -> Value {
    serde_json::from_str(&fs::read_to_string(folder().join("cases.json")).unwrap()).unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn size(shown: &Value) -> Size {
    let edge = |name: &str| shown[name].as_u64().unwrap() as usize;
    Size { height: edge("height"), width: edge("width") }
}

fn asked(case: &Value) -> (Image, Task) {
    let image = picture(size(&case["image"]), case["image"]["seed"].as_u64().unwrap() as usize);
    (image, case["task"].as_str().unwrap().parse().unwrap())
}

fn search(stored: &Value) -> Search {
    let number = |name: &str| stored[name].as_u64().unwrap() as usize;
    Search {
        beams: number("num_beams"),
        max_tokens: number("max_new_tokens"),
        no_repeat_ngram: number("no_repeat_ngram_size"),
        length_penalty: stored["length_penalty"].as_f64().unwrap_or(1.0) as f32,
        early_stopping: match stored["early_stopping"].as_bool() {
            Some(true) => EarlyStopping::Always,
            Some(false) => EarlyStopping::Heuristic,
            None => EarlyStopping::Never,
        },
    }
}

#[track_caller]
fn assert_near(found: &Array, expected: &[f32], about: &str) {
    let error = relative_rms(&found.to_vec::<f32>().unwrap(), expected);
    assert!(error < CLOSE, "{about}: off by {error}");
}

fn check_numbers(model: &Florence2) {
    let (golden, numbers) = (golden(), Golden::open(folder().join("numbers.safetensors")));
    let then: Vec<u32> = serde_json::from_value(golden["then"].clone()).unwrap();
    for (at, case) in list(&golden["cases"]).iter().enumerate() {
        let (image, task) = asked(case);
        let encoded = model.encode(&image, &task).unwrap();
        assert_near(&encoded, &numbers.f32(&format!("{at}.encoded")), &format!("{at}: encoder"));
        let scores = model.logits(&encoded, &then).unwrap();
        assert_near(&scores, &numbers.f32(&format!("{at}.logits")), &format!("{at}: decoder"));
    }
}

fn check_texts(model: &Florence2) {
    let golden = golden();
    for case in list(&golden["cases"]) {
        let (image, task) = asked(case);
        for (stored, expected) in list(&golden["searches"]).iter().zip(list(&case["texts"])) {
            let found = model.tokens(&image, &task, &search(stored)).unwrap();
            assert_eq!(json!(found), *expected, "{} with {stored}", case["task"]);
        }
    }
}

#[test]
fn it_sees_and_reads_what_transformers_does() {
    check_numbers(&open(&folder()).unwrap());
}

#[test]
fn it_writes_what_transformers_writes_with_every_search() {
    check_texts(&open(&folder()).unwrap());
}

#[test]
fn it_searches_as_the_checkpoint_says() {
    let model = open(&folder()).unwrap();
    let expected =
        Search { beams: 3, no_repeat_ngram: 3, early_stopping: EarlyStopping::Always, ..Search::default() };
    assert_eq!(*model.search(), expected);
    let golden = golden();
    let (image, task) = asked(&golden["cases"][0]);
    let answer = model.ask_with(&image, &task, &search(&golden["searches"][1])).unwrap();
    assert!(!answer.text.contains('<') && answer.regions.is_empty(), "{answer:?}");
}

#[test]
fn a_further_question_runs_no_tower() {
    let model = open(&folder()).unwrap();
    let golden = golden();
    let (image, task) = asked(&golden["cases"][0]);
    let first = model.encode(&image, &task).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(model.features().runs(), 1);
    assert_eq!(model.encode(&image, &task).unwrap().to_vec::<f32>().unwrap(), first);
    model.encode(&image, &Task::new(TaskKind::ObjectDetection)).unwrap();
    assert_eq!(model.features().runs(), 1);
    model.features().limit(0);
    assert_eq!(model.encode(&image, &task).unwrap().to_vec::<f32>().unwrap(), first);
    assert_eq!(model.features().runs(), 2);
}

#[test]
fn another_question_about_an_image_is_answered_from_what_was_seen() {
    let model = open(&folder()).unwrap();
    let (image, other) = [0, 1].map(|seed| picture(Size { height: 40, width: 60 }, seed)).into();
    let search = Search { max_tokens: 8, ..model.search().clone() };
    let ask = |image: &Image, kind| model.ask_with(image, &Task::new(kind), &search).unwrap();
    let caption = ask(&image, TaskKind::Caption);
    ask(&image, TaskKind::ObjectDetection);
    assert_eq!(ask(&image.clone(), TaskKind::Caption), caption);
    assert_eq!(model.features().runs(), 1);
    ask(&other, TaskKind::Caption);
    assert_eq!(model.features().runs(), 2);
    ask(&image, TaskKind::ObjectDetection);
    assert_eq!(model.features().runs(), 2);
    model.features().clear();
    assert_eq!(ask(&image, TaskKind::Caption), caption);
    assert_eq!(model.features().runs(), 3);
}

/// Whole pixels, as transformers gives them.
fn whole(numbers: impl IntoIterator<Item = f32>) -> Value {
    numbers.into_iter().map(|number| number as i32).collect::<Vec<_>>().into()
}

/// An answer in the form of transformers.
fn read(kind: TaskKind, Answer { text, regions }: Answer) -> Value {
    let labels: Vec<_> = regions.iter().map(|region| region.label.clone()).collect();
    let shapes: Vec<Value> = regions.iter().map(|region| pixels(&region.shape)).collect();
    match (kind, regions.first().map(|region: &Region| &region.shape)) {
        (TaskKind::OcrWithRegion, _) => json!({"quad_boxes": shapes, "labels": labels}),
        (TaskKind::OpenVocabularyDetection, Some(Shape::Outlines(_))) => {
            json!({"bboxes": [], "bboxes_labels": [], "polygons": shapes, "polygons_labels": labels})
        }
        (TaskKind::OpenVocabularyDetection, _) => {
            json!({"bboxes": shapes, "bboxes_labels": labels, "polygons": [], "polygons_labels": []})
        }
        (_, Some(Shape::Outlines(_))) => json!({"polygons": shapes, "labels": labels}),
        (TaskKind::Caption | TaskKind::RegionToOcr, _) => json!(text),
        _ => json!({"bboxes": shapes, "labels": labels}),
    }
}

fn pixels(shape: &Shape) -> Value {
    match shape {
        Shape::Box(edges) => whole(*edges),
        Shape::Quad(corners) => whole(corners.as_flattened().iter().copied()),
        Shape::Outlines(all) => {
            all.iter().map(|outline| whole(outline.as_flattened().iter().copied())).collect()
        }
    }
}

#[test]
fn answers_are_read_as_transformers_reads_them() {
    let golden = golden();
    for answer in list(&golden["answers"]) {
        let task = answer["task"].as_str().unwrap();
        let kind =
            format!("{task}{}", if needs_phrase(task) { "x" } else { "" }).parse::<Task>().unwrap().kind();
        let text = answer["text"].as_str().unwrap();
        let mut found = Answer::read(kind, text, size(&answer["size"]));
        found.regions.retain(|region| region.label != "it");
        assert_eq!(read(kind, found), answer["read"], "{task}: {text}");
    }
}

fn needs_phrase(task: &str) -> bool {
    task.parse::<Task>().is_err()
}

#[test]
fn damaged_answers_are_read_as_far_as_they_go() {
    let size = Size { height: 1000, width: 1000 };
    let labels = |kind, text: &str| -> Vec<String> {
        Answer::read(kind, text, size).regions.into_iter().map(|region| region.label).collect()
    };
    let four = "<loc_1><loc_2><loc_3><loc_4>";
    assert_eq!(labels(TaskKind::ObjectDetection, &format!("a<loc_1>dög{four}<loc_")), ["dög"]);
    assert_eq!(labels(TaskKind::ObjectDetection, &format!("<loc_x>{four}<loc_99999999999>")), ["loc_x>"]);
    assert!(labels(TaskKind::OcrWithRegion, &format!("a{four}")).is_empty());
    assert!(labels(TaskKind::OpenVocabularyDetection, "<poly></poly><poly><loc_1>").is_empty());
    assert!(labels(TaskKind::Caption, four).is_empty());
}

/// A copy of the checkpoint whose config and arrays are changed.
fn changed(
    config: impl FnOnce(&mut Value),
    arrays: impl FnOnce(BTreeMap<String, Array>) -> BTreeMap<String, Array>,
) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in fs::read_dir(folder()).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let path = copy.path().join("config.json");
    let mut stored: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    config(&mut stored);
    fs::write(&path, stored.to_string()).unwrap();
    let path = copy.path().join("model.safetensors");
    let stored = arrays(io::load_safetensors(&path).unwrap().arrays);
    fs::remove_file(&path).unwrap();
    let stored = stored.iter().map(|(name, array)| (name.as_str(), array));
    io::save_safetensors(&path, stored, &BTreeMap::new()).unwrap();
    copy
}

/// The names of the first checkpoints.
fn original(name: &str) -> String {
    let name = name.strip_prefix("model.").unwrap_or(name);
    if let Some(rest) = name.strip_prefix("multi_modal_projector.") {
        return rest.replace("image_position_embed", "image_pos_embed");
    }
    if name.starts_with("vision_tower.convs") {
        return name.replace(".conv.", ".proj.");
    }
    let name =
        name.replace("language_model.", "language_model.model.").replace("lm_head", "language_model.lm_head");
    let parts = if name.contains("spatial_block") { ["window_attn"] } else { ["channel_attn"] };
    let mut name = name;
    for part in parts {
        name = name
            .replace(".norm1.", &format!(".{part}.norm."))
            .replace(&format!(".{part}.qkv"), &format!(".{part}.fn.qkv"))
            .replace(&format!(".{part}.proj"), &format!(".{part}.fn.proj"));
    }
    let name = name.replace(".norm2.", ".ffn.norm.").replace(".ffn.fc", ".ffn.fn.net.fc");
    if name.contains("_block.conv") {
        return name.replace(".weight", ".fn.dw.weight").replace(".bias", ".fn.dw.bias");
    }
    name
}

/// The config of the first checkpoints.
fn original_config(config: &mut Value) {
    let vision = config["vision_config"].as_object_mut().unwrap();
    let width = vision.remove("embed_dim").unwrap();
    let places = vision.remove("max_position_embeddings").unwrap();
    vision.insert("dim_embed".into(), width);
    vision.insert("model_type".into(), "davit".into());
    vision.insert("image_pos_embed".into(), json!({"type": "learned_abs_2d", "max_pos_embeddings": places}));
    vision.insert("image_feature_source".into(), json!(["spatial_avg_pool", "temporal_avg_pool"]));
    config["text_config"]["model_type"] = "florence2_language".into();
}

#[test]
fn checkpoints_of_the_original_code_and_of_mlx_load() {
    for channels_last in [false, true] {
        let copy = changed(original_config, |arrays| {
            let mut renamed = BTreeMap::new();
            for (name, array) in arrays {
                if name.ends_with("image_projection.weight") {
                    renamed.insert("image_projection".to_owned(), array.t().unwrap());
                } else if array.ndim() == 4 && channels_last {
                    renamed.insert(original(&name), array.transpose([0, 2, 3, 1]).unwrap());
                } else {
                    renamed.insert(original(&name), array);
                }
            }
            let table = renamed["language_model.model.shared.weight"].clone();
            renamed.insert("language_model.lm_head.weight".into(), table.clone());
            renamed.insert("language_model.model.encoder.embed_tokens.weight".into(), table);
            let bias = Array::zeros([1, 4], Dtype::Float32).unwrap();
            renamed.insert("language_model.final_logits_bias".into(), bias);
            renamed
        });
        let model = open(copy.path()).unwrap();
        check_numbers(&model);
    }
}

#[test]
fn arrays_that_are_left_over_are_an_error() {
    let copy = changed(
        |_| (),
        |mut arrays| {
            arrays.insert("vision_tower.more".into(), Array::zeros([1], Dtype::Float32).unwrap());
            arrays
        },
    );
    let error = open(copy.path()).err().unwrap().to_string();
    assert!(error.contains("vision_tower.more"), "{error}");
}

#[test]
fn values_that_cannot_be_are_named() {
    let refuse =
        |change: fn(&mut Value)| open(changed(change, |arrays| arrays).path()).err().unwrap().to_string();
    for (change, named) in [
        ((|c| c["vision_config"]["window_size"] = 0.into()) as fn(&mut Value), "window_size has 0"),
        (|c| c["vision_config"]["num_heads"] = json!([0, 4]), "num_heads has 0"),
        (|c| c["vision_config"]["num_groups"] = json!([3, 4]), "must divide embed_dim"),
        (|c| c["vision_config"]["patch_stride"] = json!([4]), "patch_stride is of 1 stages"),
        (|c| c["vision_config"]["patch_padding"] = json!([-1, 0]), "patch_padding must be"),
        (|c| c["vision_config"]["embed_dim"] = json!([]), "depths is of 2 stages"),
        (|c| c["vision_config"]["mlp_ratio"] = json!(1e30), "mlp_ratio"),
        (|c| c["vision_config"]["projection_dim"] = 25.into(), "projection_dim is 25"),
        (|c| c["text_config"]["decoder_attention_heads"] = 0.into(), "decoder_attention_heads is 0"),
        (|c| c["text_config"]["encoder_attention_heads"] = 5.into(), "must divide d_model"),
        (|c| c["text_config"]["vocab_size"] = (-1).into(), "vocab_size is -1"),
        (|c| c["text_config"]["max_position_embeddings"] = i32::MAX.into(), "max_position_embeddings is"),
        (|c| c["text_config"]["decoder_layers"] = 0.into(), "from 1 to 1024 layers"),
        (|c| c["model_type"] = "bart".into(), "`bart` is not supported"),
    ] {
        let error = refuse(change);
        assert!(error.contains(named), "{named}: {error}");
    }
}

#[test]
fn questions_that_cannot_be_asked_are_refused() {
    let model = open(&folder()).unwrap();
    let image = picture(Size::square(20), 0);
    let refuse = |task: Task, search: &Search| model.ask_with(&image, &task, search).unwrap_err().to_string();
    let long = Task::about(TaskKind::Text, "x".repeat(100));
    assert!(refuse(long, model.search()).contains("133 tokens, and the model takes 112"));
    for search in [
        Search { beams: 0, ..Search::default() },
        Search { beams: 65, ..Search::default() },
        Search { max_tokens: 0, ..Search::default() },
        Search { length_penalty: f32::NAN, ..Search::default() },
    ] {
        assert!(refuse(Task::new(TaskKind::Caption), &search).contains("1 to 64 beams"), "{search:?}");
    }
    let encoded = model.encode(&image, &Task::new(TaskKind::Caption)).unwrap();
    assert!(model.logits(&encoded, &[]).is_err() && model.logits(&encoded, &[0; 113]).is_err());
    // Where there is room for more tokens than there are positions, the text ends with these.
    let search = Search { beams: 1, max_tokens: 5000, no_repeat_ngram: 1, ..Search::default() };
    assert!(model.tokens(&image, &Task::new(TaskKind::Caption), &search).unwrap().len() <= 111);
}

#[test]
fn rows_of_a_search_are_those_of_single_texts() {
    let model = open(&folder()).unwrap();
    let encoded = model.encode(&picture(Size::square(20), 0), &Task::new(TaskKind::Caption)).unwrap();
    let whole = model.logits(&encoded, &[258, 256, 65]).unwrap();
    let parts = concatenate(
        [
            &model.logits(&encoded, &[258]).unwrap(),
            &model.logits(&encoded, &[258, 256]).unwrap().index((.., 1..)).unwrap(),
        ],
        1,
    );
    assert_near(&parts.unwrap(), &whole.index((.., ..2)).unwrap().to_vec::<f32>().unwrap(), "prefixes");
}
