//! `mlx embed`.

use std::fs;
use std::path::PathBuf;

use mlx_testkit::{Golden, relative_rms};

use crate::program::{Run, mlx};

fn model() -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../mlx-embed/tests/golden/bert").display().to_string()
}

/// Runs the command on a file of these bytes, and reads what it wrote.
fn embed(arguments: &[&str], lines: &[u8]) -> (Run, Option<Golden>) {
    let folder = tempfile::tempdir().unwrap();
    let [file, output] = ["texts.jsonl", "out.safetensors"].map(|name| folder.path().join(name));
    fs::write(&file, lines).unwrap();
    let (file, output) = (file.to_str().unwrap(), output.to_str().unwrap());
    let run = mlx(&[&["embed", "--model", &model(), "--file", file, "--output", output], arguments].concat());
    let written = run.ok.then(|| Golden::open(output));
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
    assert!(run.err.contains("--dimensions are not for models of texts and images"), "{}", run.err);
    let run = mlx(&["embed", "--model", &self::model(), "--output", &output, "--image", &first]);
    assert!(
        run.err.contains("model type `bert` is not supported (known: clip, siglip, siglip2)"),
        "{}",
        run.err
    );
    let run = mlx(&[&base[..], &["--image", &path("config.json")]].concat());
    assert!(run.err.contains("config.json: is no image of a known format"), "{}", run.err);
}
