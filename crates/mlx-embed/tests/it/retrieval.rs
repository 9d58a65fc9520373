//! Tiny random models of words and of late interaction against transformers.

use std::path::{Path, PathBuf};

use mlx_embed::late::{LateInteraction, max_sim};
use mlx_embed::sparse::SparseEmbedder;
use mlx_hub::Source;
use mlx_testkit::Golden;

const TEXTS: [&str; 4] = ["a b c", "d e f g h i j", "a", "c a b, d. e"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

#[track_caller]
fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 2e-5, "{what}: {found} for {expected}");
    }
}

#[test]
fn words_have_the_weights_of_transformers() {
    for name in ["splade", "splade-distilbert", "splade-roberta"] {
        let model = SparseEmbedder::load(&Source::path(folder(name)), None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = Golden::open(folder(name).join("expected.safetensors")).f32("weights");
        let width = expected.len() / TEXTS.len();
        let vectors = model.embed(&TEXTS).unwrap();
        for ((vector, expected), text) in vectors.iter().zip(expected.chunks(width)).zip(TEXTS) {
            let mut found = vec![0.0; width];
            for (&index, &value) in vector.indices.iter().zip(&vector.values) {
                found[index as usize] = value;
            }
            assert!(vector.indices.is_sorted() && !vector.indices.is_empty());
            assert_close(&format!("{name}, {text}"), &found, expected);
        }
    }
}

#[test]
fn a_model_without_scores_of_words_says_so() {
    let error = SparseEmbedder::load(&Source::path(folder("bert")), None).err().unwrap().to_string();
    assert!(error.contains("it gives no scores to words"), "{error}");
}

#[test]
fn each_token_has_the_vector_that_transformers_gives_it() {
    for name in ["colbert", "colbert-modernbert"] {
        let model = LateInteraction::load(&Source::path(folder(name)), None)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let expected = Golden::open(folder(name).join("expected.safetensors"));
        let (queries, documents) =
            (model.embed_queries(&TEXTS).unwrap(), model.embed_documents(&TEXTS).unwrap());
        for (side, found) in [("query", &queries), ("document", &documents)] {
            for (at, vectors) in found.iter().enumerate() {
                let key = format!("{side}.{at}");
                let shape: Vec<_> = vectors.shape().iter().map(|&length| length as usize).collect();
                assert_eq!(shape, expected.shape(&key), "{name}, {key}");
                assert_close(
                    &format!("{name}, {key}"),
                    &vectors.to_vec::<f32>().unwrap(),
                    &expected.f32(&key),
                );
            }
        }
        let scores: Vec<f32> = queries.iter().flat_map(|query| max_sim(query, &documents).unwrap()).collect();
        assert_close(name, &scores, &expected.f32("scores"));
        let ranked = model.rank(TEXTS[1], &TEXTS).unwrap();
        assert!(ranked.is_sorted_by(|a, b| a.score >= b.score) && ranked.len() == TEXTS.len());
    }
}

#[test]
fn a_document_without_vectors_scores_nothing() {
    let query = mlx_core::Array::from([[1.0_f32, 0.0]]);
    let none = mlx_core::Array::zeros([0, 2], mlx_core::Dtype::Float32).unwrap();
    let document = mlx_core::Array::from([[-0.5_f32, 0.5], [-0.25, 1.0]]);
    assert_eq!(max_sim(&query, &[none, document]).unwrap(), [0.0, -0.25]);
}
