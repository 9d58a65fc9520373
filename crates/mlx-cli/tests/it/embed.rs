//! `mlx embed`.

use std::fs;
use std::path::{Path, PathBuf};

use mlx_testkit::{Golden, relative_rms};
use serde_json::{Value, json};

use crate::program::{Run, mlx};

fn model() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../mlx-embed/tests/golden/bert").display().to_string()
}

/// Runs the command on a file of these bytes, and reads what it wrote.
fn embed(arguments: &[&str], lines: &[u8]) -> (Run, Option<Golden>) {
    let folder = tempfile::tempdir().unwrap();
    embed_to(&folder.path().join("out.safetensors"), arguments, lines)
}

/// The same into this file, which is read if it holds arrays.
fn embed_to(output: &Path, arguments: &[&str], lines: &[u8]) -> (Run, Option<Golden>) {
    let file = output.with_extension("texts");
    fs::write(&file, lines).unwrap();
    let paths = ["--file", file.to_str().unwrap(), "--output", output.to_str().unwrap()];
    let run = mlx(&[&["embed", "--model", &model()], &paths[..], arguments].concat());
    let arrays = output.extension().is_some_and(|ending| ending == "safetensors");
    let written = (run.ok && arrays).then(|| Golden::open(output));
    (run, written)
}

#[test]
fn texts_of_the_command_line_and_of_a_file_become_rows_in_order() {
    let (run, written) = embed(&["--text", "a b"], b"\"c\"\n\n{\"text\": \"a b\", \"id\": 7}\n");
    assert!(run.ok, "{}", run.err);
    let written = written.unwrap();
    assert_eq!(written.shape("embeddings"), [3, 24]);
    let rows: Vec<_> = written.f32("embeddings").chunks(24).map(<[f32]>::to_vec).collect();
    assert_eq!(rows[0], rows[2]);
    assert_ne!(rows[0], rows[1]);
}

#[test]
fn a_line_that_is_no_text_is_named() {
    for (lines, why) in [
        (&b"\"a\"\n\xff\xfe\n"[..], "line 2: is not UTF-8"),
        (b"{\"title\": \"a\"}", "line 1: has no `text` that is a string"),
        (b"7", "line 1: is neither a string nor an object with a `text`"),
        (b"a b c", "line 1: is no JSON"),
    ] {
        let (run, _) = embed(&[], lines);
        assert!(!run.ok && run.err.contains(why), "{}", run.err);
        assert_eq!(run.err.trim_end().lines().count(), 1, "{}", run.err);
    }
    let (run, _) = embed(&["--prompt-name", "query"], b"\"a\"");
    assert!(run.err.contains("there is no prompt `query`"), "{}", run.err);
}

#[test]
fn lines_that_are_read_are_written_with_their_vectors() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.jsonl");
    let lines = b"{\"text\": \"a b c d\", \"id\": 7}\n\"e\"\n";
    let (run, _) = embed_to(&output, &["--chunk-tokens", "3", "--chunk-overlap", "1"], lines);
    assert!(run.ok, "{}", run.err);
    assert!(run.err.contains("3 texts in "), "{}", run.err);
    let written: Vec<Value> = fs::read_to_string(&output)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let texts: Vec<_> = written.iter().map(|line| line["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["a b c", "c d", "e"]);
    assert_eq!(
        (&written[1]["id"], &written[1]["start"], &written[1]["end"]),
        (&json!(7), &json!(4), &json!(7))
    );
    assert!(written.iter().all(|line| line["embedding"].as_array().unwrap().len() == 24));
}

#[test]
fn vectors_may_be_stored_in_fewer_bytes() {
    let lines = b"\"a b\"\n\"c\"\n\"d e f\"\n";
    let (run, written) = embed(&["--precision", "ubinary", "--json"], lines);
    assert!(run.ok, "{}", run.err);
    assert_eq!(written.unwrap().shape("embeddings"), [3, 3]);
    let said: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(said["texts"], 3);
    let (run, written) = embed(&["--precision", "uint8"], lines);
    assert!(run.ok, "{}", run.err);
    let written = written.unwrap();
    assert_eq!((written.shape("embeddings"), written.shape("ranges")), (&[3, 24][..], &[2, 24][..]));
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.jsonl");
    let (run, _) = embed_to(&output, &["--precision", "int8"], lines);
    assert!(!run.ok && run.err.contains("lines have no place"), "{}", run.err);
    assert!(!output.exists());
}

#[test]
fn texts_come_before_images_in_one_array() {
    let towers = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mlx-embed/tests/golden/clip");
    let path = |name: &str| towers.join(name).display().to_string();
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("out.safetensors").display().to_string();
    let (model, first, second) = (path(""), path("image-0.png"), path("image-1.png"));
    let base = ["embed", "--model", &model, "--output", &output];
    let run = mlx(&[&base[..], &["--image", &first, "--text", "a b c", "--image", &second]].concat());
    assert!(run.ok, "{}", run.err);
    let (written, expected) = (Golden::open(&output), Golden::open(path("expected.safetensors")));
    assert_eq!(written.shape("embeddings"), [3, 20]);
    let rows = [&expected.f32("texts")[..20], &expected.f32("images")[..40]].concat();
    assert!(relative_rms(&written.f32("embeddings"), &rows) < 1e-5);
    let run = mlx(&[&base[..], &["--text", "a b c"]].concat());
    assert!(run.ok && Golden::open(&output).shape("embeddings") == [1, 20], "{}", run.err);
    let run = mlx(&[&base[..], &["--image", &first, "--dimensions", "7"]].concat());
    assert!(
        run.err.contains("--dimensions and --chunk-tokens are not for models of texts and images"),
        "{}",
        run.err
    );
    let run = mlx(&["embed", "--model", &self::model(), "--output", &output, "--image", &first]);
    assert!(
        run.err.contains("model type `bert` is not supported (known: clip, siglip, siglip2)"),
        "{}",
        run.err
    );
    let run = mlx(&[&base[..], &["--image", &path("config.json")]].concat());
    assert!(run.err.contains("config.json: is no image of a known format"), "{}", run.err);
}
