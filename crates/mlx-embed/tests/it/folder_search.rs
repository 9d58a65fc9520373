//! The example's bridge to a vector store.

use std::fs;
use std::path::Path;

use mlx_embed::search::{Similarity, search};
use mlx_embed::{Embedder, Options};
use mlx_hub::Source;
use mlx_testkit::assets;

#[path = "../../examples/folder_search/store.rs"]
mod store;

use store::{Store, passages};

/// The real model if it is there, else a tiny one.
fn embedder() -> Embedder {
    let real = assets::find("minilm", "model.safetensors");
    let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bert/model.safetensors");
    Embedder::load(&Source::path(real.unwrap_or(tiny).parent().unwrap()), None).unwrap()
}

#[test]
fn a_folder_is_indexed_kept_and_asked() {
    let (embedder, folder) = (embedder(), tempfile::tempdir().unwrap());
    for (name, text) in [
        ("bread.txt", "Knead the dough, let it rise for an hour, and bake it until the crust is brown."),
        ("sea.txt", "The tide comes in twice a day, when the moon pulls the ocean."),
        ("tax.txt", "The return is due in May; keep every receipt for ten years."),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::write(folder.path().join("picture.bin"), [0xff, 0xfe, 0x00]).unwrap();
    let found = passages(folder.path(), &embedder).unwrap();
    let texts: Vec<_> = found.iter().map(|passage| passage.text.clone()).collect();
    assert_eq!(texts.len(), 3);
    let kept = folder.path().join("index");
    Store::of(found, &embedder).unwrap().save(&kept).unwrap();
    let store = Store::open(&kept).unwrap();
    let vectors = embedder.embed(&texts, &Options::default()).unwrap();
    for query in ["How do I make a loaf?", "Why does the water rise?", "papers for the revenue office"] {
        let answers = store.ask(query, 3, &embedder).unwrap();
        let query = embedder.embed(&[query], &Options::default()).unwrap();
        let exact = search(&query, &vectors, 3, Similarity::Cosine).unwrap().remove(0);
        for (answer, exact) in answers.iter().zip(&exact) {
            assert_eq!(answer.passage.text, texts[exact.index]);
            assert!((answer.similarity - exact.score).abs() < 1e-4);
        }
    }
    if assets::find("minilm", "model.safetensors").is_some() {
        let first = |query| store.ask(query, 1, &embedder).unwrap()[0].passage.file.clone();
        assert_eq!(first("How do I make a loaf?"), "bread.txt");
        assert_eq!(first("Why does the water rise?"), "sea.txt");
    }
}
