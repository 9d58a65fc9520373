//! Tiny random encoders against transformers.

use std::path::{Path, PathBuf};

use mlx_embed::encoder::{self, Encoder};
use mlx_embed::{Embedder, Error, Packed};
use mlx_hub::Source;
use mlx_nn::Weights;
use mlx_testkit::{Checkpoint, Golden, relative_rms};
use serde_json::Value;

const FAMILIES: [&str; 7] =
    ["bert", "distilbert", "modernbert", "modernbert-biased", "nomic-bert", "roberta", "xlm-roberta"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn build(folder: &Path) -> Result<Box<dyn Encoder>, Error> {
    let config: Value = serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let arrays = mlx_core::io::load_safetensors(folder.join("model.safetensors")).unwrap().arrays;
    encoder::build(&config, Weights::new(arrays, None))
}

/// The texts, and the hidden states of each.
fn expected(name: &str) -> Vec<(Vec<u32>, Vec<f32>)> {
    let golden = Golden::open(folder(name).join("expected.safetensors"));
    let text = |at| (golden.u32(&format!("tokens.{at}")), golden.f32(&format!("hidden.{at}")));
    (0..5).map(text).collect()
}

/// Hidden states of texts that run together.
fn hidden(encoder: &dyn Encoder, texts: &[&[u32]]) -> Vec<f32> {
    encoder.forward(&Packed::new(texts.iter().copied())).unwrap().to_vec().unwrap()
}

/// A decoder's states, for which it needs a tokenizer beside it.
fn decoder(name: &str) -> (tempfile::TempDir, Embedder) {
    let copied = tempfile::tempdir().unwrap();
    for (from, file) in [(name, "config.json"), (name, "model.safetensors"), ("bert", "tokenizer.json")] {
        std::fs::copy(folder(from).join(file), copied.path().join(file)).unwrap();
    }
    let embedder =
        Embedder::load(&Source::path(copied.path()), None).unwrap_or_else(|error| panic!("{name}: {error}"));
    (copied, embedder)
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

#[test]
fn every_family_agrees_with_transformers() {
    for name in FAMILIES {
        let encoder = build(&folder(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        compare(name, encoder.as_ref());
    }
}

#[test]
fn every_decoder_agrees_with_transformers() {
    for name in ["embeddinggemma", "lfm2-bidirectional", "qwen3-embedding"] {
        let (_folder, embedder) = decoder(name);
        compare(name, embedder.encoder());
    }
}

/// Compares the texts of a golden folder, each alone and all together.
#[track_caller]
fn compare(name: &str, encoder: &dyn Encoder) {
    let texts = expected(name);
    for (at, (tokens, states)) in texts.iter().enumerate() {
        let error = relative_rms(&wide(&hidden(encoder, &[tokens])), &wide(states));
        assert!(error < 1e-5, "{name}, text {at}: {error:e}");
    }
    let together: Vec<_> = texts.iter().map(|(tokens, _)| tokens.as_slice()).collect();
    let states: Vec<_> = texts.iter().flat_map(|(_, states)| states.clone()).collect();
    let error = relative_rms(&wide(&hidden(encoder, &together)), &wide(&states));
    assert!(error < 1e-5, "{name}, all texts together: {error:e}");
}

#[test]
fn a_whole_model_gives_its_encoder() {
    let of = |name: &str| Golden::open(folder(name).join("model.safetensors"));
    for (name, scope) in [("bert", "bert"), ("roberta", "roberta"), ("modernbert", "model")] {
        let config = std::fs::read(folder(name).join("config.json")).unwrap();
        let mut checkpoint = Checkpoint::new(serde_json::from_slice(&config).unwrap());
        for tensor in of(name).names() {
            let shape = of(name).shape(tensor).to_vec();
            checkpoint = checkpoint.with(&format!("{scope}.{tensor}"), &shape);
        }
        checkpoint = checkpoint.with("classifier.weight", &[2, 24]);
        build(checkpoint.write().path()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn what_cannot_be_built_says_why() {
    let message = |checkpoint: Checkpoint| build(checkpoint.write().path()).err().unwrap().to_string();
    let bert = || Checkpoint::read(folder("bert"));
    assert!(
        message(bert().with_config("model_type", "t5"))
            .starts_with("model type `t5` is not supported (known: bert")
    );
    assert!(
        message(bert().with_config("hidden_act", "relu6")).contains("hidden_act `relu6` is not supported")
    );
    assert!(
        message(bert().with_config("num_attention_heads", 5)).contains("which 5 heads do not share alike")
    );
    assert!(message(bert().with_config("num_attention_heads", 0)).contains("num_attention_heads is 0"));
    assert!(
        message(bert().with_config("position_embedding_type", "relative_key"))
            .contains("position_embedding_type")
    );
    assert!(message(bert().with("extra", &[1])).contains("unused: extra"));
    let lacking = bert().without("embeddings.LayerNorm.weight");
    assert!(message(lacking).contains("missing: embeddings.LayerNorm.weight"));
    let nomic = Checkpoint::read(folder("nomic-bert"));
    assert!(
        message(nomic.with_config("prenorm", true)).contains("prenorm of a `nomic_bert` is not supported")
    );
}
