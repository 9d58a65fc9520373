//! Commands that show images, with a tiny Qwen2-VL.

use std::path::{Path, PathBuf};

use mlx_testkit::{Golden, relative_rms};
use serde_json::Value;

use crate::program::{mlx, mlx_with_input};

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../mlx-vlm/tests/golden/qwen2-vl")
}

/// The picture of `xtask/golden/pictures.py`, as a BMP file.
fn picture(folder: &Path, [height, width]: [usize; 2]) -> String {
    let wave = |y, x| (7 * y * y + 3 * x * x + 5 * x * y + 31 * x + 17 * y) / 4;
    let length = (3 * width).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    for number in [54 + length * height, 0, 54, 40, width, height] {
        file.extend((number as u32).to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    file.extend([0; 24]);
    for y in (0..height).rev() {
        let row = (0..width).flat_map(|x| [170, 85, 0].map(|channel| (wave(y, x) + channel) as u8));
        file.extend(row.chain(std::iter::repeat(0)).take(length));
    }
    let path = folder.join("picture.bmp");
    std::fs::write(&path, file).unwrap();
    path.display().to_string()
}

/// The first conversation, which shows one picture.
fn case() -> Value {
    let cases = std::fs::read_to_string(model().join("cases.json")).unwrap();
    serde_json::from_str::<Value>(&cases).unwrap()[0].clone()
}

fn ids(list: &Value) -> String {
    let ids = list.as_array().unwrap().iter().map(Value::to_string);
    ids.collect::<Vec<_>>().join(",")
}

#[test]
fn scores_of_an_image_equal_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors");
    let case = case();
    let run = mlx(&[
        "logits",
        "--model",
        model().to_str().unwrap(),
        "--image",
        &picture(folder.path(), [37, 51]),
        "--tokens",
        &ids(&case["tokens"]),
        "--continue",
        &ids(&case["then"]),
        "--output",
        output.to_str().unwrap(),
    ]);
    assert!(run.ok, "{}", run.err);
    let (found, expected) = (Golden::open(&output), Golden::open(model().join("logits.safetensors")));
    assert_eq!(found.shape("prefill")[0], case["tokens"].as_array().unwrap().len());
    let all = [found.f32("prefill"), found.f32("decode")].concat();
    let expected = expected.f32("image");
    assert!(relative_rms(&all[all.len() - expected.len()..], &expected) < 2e-5);
}

#[test]
fn an_answer_is_about_what_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path(), [37, 51]);
    let model = model().display().to_string();
    let ask = |shown: &[&str]| {
        let asked = ["generate", "--model", &model, "--prompt", "What is it?", "--json", "--max-tokens", "4"];
        let run = mlx(&[&asked[..], shown].concat());
        assert!(run.ok, "{}", run.err);
        serde_json::from_str::<Value>(run.out.lines().last().unwrap()).unwrap()
    };
    let (seen, blind) = (ask(&["--image", &image]), ask(&[]));
    assert_eq!(seen["prompt_tokens"], case()["tokens"].as_array().unwrap().len());
    assert_ne!(seen["tokens"], blind["tokens"]);
}

#[test]
fn a_folder_of_frames_is_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let frames = folder.path().join("frames");
    std::fs::create_dir(&frames).unwrap();
    for name in ["1.bmp", "2.bmp", "10.bmp", "11.bmp"] {
        let picture = picture(folder.path(), [30, 42]);
        std::fs::rename(picture, frames.join(name)).unwrap();
    }
    let model = model().display().to_string();
    let asked = ["generate", "--model", &model, "--prompt", "What?", "--json", "--max-tokens", "2"];
    let shown = ["--video", frames.to_str().unwrap(), "--video-max-frames", "4", "--fps", "24"];
    let run = mlx(&[&asked[..], &shown].concat());
    assert!(run.ok, "{}", run.err);
    let last: Value = serde_json::from_str(run.out.lines().last().unwrap()).unwrap();
    assert!(last["prompt_tokens"].as_u64().unwrap() > 60, "{last}");
}

#[test]
fn a_conversation_shows_an_image_with_the_next_message() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path(), [37, 51]);
    let model = model().display().to_string();
    let talk = |lines: &str| mlx_with_input(&["chat", "--model", &model, "--max-tokens", "4"], lines);
    let seen = talk(&format!("i {image}\nWhat is it?\n"));
    assert!(seen.ok, "{}", seen.err);
    assert_ne!(seen.out, talk("What is it?\n").out);
    let missing = talk("i nothing.png\nWhat is it?\n");
    assert!(missing.ok && missing.err.contains("nothing.png"), "{}", missing.err);
}

#[test]
fn an_image_for_a_model_that_does_not_see_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path(), [3, 4]);
    let model = crate::program::golden("llama-tied");
    let run = mlx(&["generate", "--model", &model, "--prompt", "What?", "--image", &image]);
    assert!(!run.ok && run.err.contains("`llama` is not supported"), "{}", run.err);
}

#[test]
fn the_time_of_the_tower_is_told_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path(), [37, 51]);
    let model = model().display().to_string();
    let asked = ["generate", "--model", &model, "--prompt", "What?", "--max-tokens", "2"];
    let shown = [&asked[..], &["--image", &image]].concat();
    let run = mlx(&[&shown[..], &["--json"]].concat());
    let last: Value = serde_json::from_str(run.out.lines().last().unwrap()).unwrap();
    let (seconds, speed) = (last["image_seconds"].as_f64().unwrap(), last["prompt_tps"].as_f64().unwrap());
    let prompt = last["prompt_tokens"].as_f64().unwrap();
    assert!(seconds > 0.0 && prompt / speed > seconds, "{last}");
    assert!(mlx(&shown).err.contains("images: "));
    let blind = mlx(&[&asked[..], &["--json"]].concat());
    let last: Value = serde_json::from_str(blind.out.lines().last().unwrap()).unwrap();
    assert_eq!(last.get("image_seconds"), None);
}

#[test]
fn a_cached_beginning_with_an_image_gives_the_answer_of_the_whole_prompt() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path(), [37, 51]);
    let file = folder.path().join("cache.safetensors").display().to_string();
    for name in ["qwen2-vl", "gemma3", "llava"] {
        let model = model().with_file_name(name).display().to_string();
        let run = |command: &str, more: &[&str]| {
            let run = mlx(&[&[command, "--model", &model, "--json"], more].concat());
            assert!(run.ok, "{name}: {}", run.err);
            serde_json::from_str::<Value>(run.out.lines().last().unwrap()).unwrap()
        };
        let length = ["--max-tokens", "6"];
        let whole = run("generate", &[&["--image", &image, "--prompt", "What is it?"], &length[..]].concat());
        let cached =
            run("cache-prompt", &["--image", &image, "--prompt", "What is", "--prompt-cache-file", &file]);
        let rest =
            run("generate", &[&["--prompt-cache-file", &file, "--prompt", " it?"], &length[..]].concat());
        assert_eq!(
            (&rest["tokens"], &rest["prompt_tokens"]),
            (&whole["tokens"], &whole["prompt_tokens"]),
            "{name}"
        );
        assert!(cached["tokens"].as_u64() < whole["prompt_tokens"].as_u64(), "{cached}");
    }
    let model = model().with_file_name("paligemma").display().to_string();
    let run = mlx(&[
        "cache-prompt",
        "--model",
        &model,
        "--image",
        &image,
        "--prompt",
        "x",
        "--prompt-cache-file",
        &file,
    ]);
    assert!(!run.ok && run.err.contains("sees the whole message"), "{}", run.err);
}

#[test]
fn a_florence2_is_asked_by_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let image = picture(folder.path(), [37, 51]);
    let model = model().with_file_name("florence2").display().to_string();
    let ask = |more: &[&str]| mlx(&[&["generate", "--model", &model, "--image", &image], more].concat());
    let run = ask(&["--prompt", "<OD>", "--json"]);
    assert!(run.ok && run.out.lines().count() == 1, "{run:?}");
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert!(answer["text"].is_string() && answer["regions"].is_array(), "{answer}");
    let run = ask(&["--prompt", "<CAPTION>"]);
    assert!(run.ok && run.err.starts_with("answer: "), "{run:?}");
    for (more, problem) in [
        (&["--prompt", "<OD> a car"][..], "<OD> is about the whole image: leave out `a car`"),
        (&["--prompt", "<OD>", "--temperature", "1"], "--temperature: a Florence-2 has no such option"),
        (&["--prompt", "<OD>", "--image", &image], "one image at a time"),
    ] {
        let run = ask(more);
        assert!(!run.ok && run.err.contains(problem) && run.err.lines().count() == 1, "{}", run.err);
    }
    let blind = mlx(&["generate", "--model", &model, "--prompt", "<OD>"]);
    assert!(!blind.ok && blind.err.contains("give --image"), "{}", blind.err);
}
