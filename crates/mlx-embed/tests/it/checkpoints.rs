//! Whole checkpoints in the layout of sentence-transformers, and what is said about damaged ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use mlx_core::Array;
use mlx_core::io::save_safetensors;
use mlx_embed::{Embedder, Options};
use mlx_hub::Source;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A BERT whose words are letters, with these files beside it.
fn checkpoint(files: &[(&str, Value)]) -> TempDir {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bert");
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(from.join(name), folder.path().join(name)).unwrap();
    }
    for (name, value) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }
    folder
}

fn load(folder: &TempDir) -> Result<Embedder, mlx_embed::Error> {
    Embedder::load(&Source::path(folder.path()), None)
}

fn modules(kinds: &[&str]) -> Value {
    let path = |at: usize, kind: &str| if at == 0 { String::new() } else { format!("{at}_{kind}") };
    kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| json!({"idx": at, "name": at.to_string(), "path": path(at, kind), "type": format!("sentence_transformers.models.{kind}")}))
        .collect()
}

fn pooled(ways: &[&str]) -> Embedder {
    let mut pooling = json!({"word_embedding_dimension": 24});
    ways.iter().for_each(|way| pooling[format!("pooling_mode_{way}")] = true.into());
    let files = [("modules.json", modules(&["Transformer", "Pooling"])), ("1_Pooling/config.json", pooling)];
    load(&checkpoint(&files)).unwrap()
}

fn vectors(embedder: &Embedder, texts: &[&str], options: &Options) -> Vec<Vec<f32>> {
    let found = embedder.embed(texts, options).unwrap();
    (0..texts.len() as i32).map(|at| found.index(at).unwrap().to_vec().unwrap()).collect()
}

/// The hidden states of a text.
fn states(embedder: &Embedder, text: &str) -> Vec<Vec<f32>> {
    let tokens = embedder.tokenizer().encode(text, true).unwrap();
    let states = embedder.encoder().forward(&mlx_embed::Packed::new([tokens.as_slice()])).unwrap();
    (0..tokens.len() as i32).map(|at| states.index(at).unwrap().to_vec().unwrap()).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: impl IntoIterator<Item = f32>) {
    let expected: Vec<_> = expected.into_iter().collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }
}

/// A sum of hidden states with weights, divided by a number.
fn weighted(states: &[Vec<f32>], weight: impl Fn(usize) -> f32, by: f32) -> Vec<f32> {
    let of = |feature: usize| {
        states.iter().enumerate().map(|(at, state)| weight(at) * state[feature]).sum::<f32>() / by
    };
    (0..24).map(of).collect()
}

#[test]
fn every_way_to_pool_is_that_of_its_name() {
    let text = "a b c";
    let states = states(&pooled(&["cls_token"]), text);
    let count = states.len() as f32;
    let greatest = |feature: usize| states.iter().map(|state| state[feature]).fold(f32::MIN, f32::max);
    let cases: [(&str, Vec<f32>); 6] = [
        ("cls_token", states[0].clone()),
        ("lasttoken", states.last().unwrap().clone()),
        ("max_tokens", (0..24).map(greatest).collect()),
        ("mean_tokens", weighted(&states, |_| 1.0, count)),
        ("mean_sqrt_len_tokens", weighted(&states, |_| 1.0, count.sqrt())),
        ("weightedmean_tokens", weighted(&states, |at| at as f32 + 1.0, count * (count + 1.0) / 2.0)),
    ];
    for (way, expected) in cases {
        assert_close(&vectors(&pooled(&[way]), &[text], &Options::default())[0], expected);
    }
    let both = pooled(&["cls_token", "mean_tokens"]);
    let expected = states[0].clone().into_iter().chain(weighted(&states, |_| 1.0, count));
    assert_close(&vectors(&both, &[text], &Options::default())[0], expected);
}

#[test]
fn without_modules_the_mean_is_taken_as_it_is() {
    let embedder = load(&checkpoint(&[])).unwrap();
    let states = states(&embedder, "x y");
    assert_close(&vectors(&embedder, &["x y"], &Options::default())[0], weighted(&states, |_| 1.0, 4.0));
}

#[test]
fn order_and_batches_change_nothing() {
    let embedder = pooled(&["mean_tokens"]);
    let texts = ["a", "b c d e f", "", "g h", "i j", "k l m", "😀", "a"];
    let all = vectors(&embedder, &texts, &Options::default());
    let few = vectors(&embedder, &texts, &Options { batch_tokens: 5, ..Options::default() });
    for (at, text) in texts.iter().enumerate() {
        let alone = &vectors(&embedder, &[text], &Options::default())[0];
        assert!(alone.iter().all(|x| x.is_finite()), "{text:?}");
        assert_close(&all[at], alone.clone());
        assert_close(&few[at], alone.clone());
    }
    assert_eq!(embedder.embed::<&str>(&[], &Options::default()).unwrap().shape()[0], 0);
}

#[test]
fn a_longer_text_is_cut_and_keeps_what_is_around_it() {
    let limits = ("sentence_bert_config.json", json!({"max_seq_length": 5}));
    let embedder = load(&checkpoint(&[limits])).unwrap();
    assert_eq!(embedder.longest(), Some(5));
    let [long, short] = &vectors(&embedder, &["a b c d e f g", "a b c"], &Options::default())[..] else {
        panic!()
    };
    assert_close(long, short.clone());
    let words = vec!["a"; 100_000].join(" ");
    assert_close(
        &vectors(&embedder, &[&words], &Options::default())[0],
        vectors(&embedder, &["a a a"], &Options::default())[0].clone(),
    );
}

#[test]
fn prompts_are_put_before_texts_and_may_be_left_out_of_the_mean() {
    let prompts = json!({"prompts": {"query": "q r ", "document": ""}, "default_prompt_name": null});
    let pooling = json!({"pooling_mode_mean_tokens": true, "include_prompt": false});
    let named = |name: &str| Options { prompt: Some(name.into()), ..Options::default() };
    let plain = load(&checkpoint(&[("config_sentence_transformers.json", prompts.clone())])).unwrap();
    let whole = vectors(&plain, &["q r a"], &Options::default());
    assert_close(&vectors(&plain, &["a"], &named("query"))[0], whole[0].clone());
    assert_close(
        &vectors(&plain, &["a"], &named("document"))[0],
        vectors(&plain, &["a"], &Options::default())[0].clone(),
    );
    let error = plain.embed(&["a"], &named("other")).unwrap_err().to_string();
    assert_eq!(error, "there is no prompt `other` (known: document, query)");
    let files = [
        ("config_sentence_transformers.json", prompts),
        ("modules.json", modules(&["Transformer", "Pooling"])),
        ("1_Pooling/config.json", pooling),
    ];
    let without = load(&checkpoint(&files)).unwrap();
    let states = states(&without, "q r a");
    assert_close(&vectors(&without, &["a"], &named("query"))[0], weighted(&states[3..], |_| 1.0, 2.0));
}

#[test]
fn vectors_may_be_cut_and_are_normalised_again() {
    let files = [
        ("modules.json", modules(&["Transformer", "Pooling", "Normalize"])),
        ("1_Pooling/config.json", json!({"pooling_mode": "mean"})),
    ];
    let embedder = load(&checkpoint(&files)).unwrap();
    let options = Options { dimensions: Some(6), ..Options::default() };
    let (whole, cut) =
        (vectors(&embedder, &["a b"], &Options::default()), vectors(&embedder, &["a b"], &options));
    let length = |vector: &[f32]| vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    assert!((length(&whole[0]) - 1.0).abs() < 1e-6);
    let rest = length(&whole[0][..6]);
    assert_close(&cut[0], whole[0][..6].iter().map(|x| x / rest));
    for dimensions in [0, 25] {
        let options = Options { dimensions: Some(dimensions), ..Options::default() };
        let error = embedder.embed(&["a"], &options).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("dimensions is {dimensions}: vectors have 24 elements, of which 1 at least is kept")
        );
    }
}

#[test]
fn layers_behind_the_pooling_run_in_their_order() {
    let files = [
        ("modules.json", modules(&["Transformer", "Pooling", "Dense", "LayerNorm"])),
        ("1_Pooling/config.json", json!({"pooling_mode": "mean"})),
        ("2_Dense/config.json", json!({"in_features": 24, "out_features": 2})),
        ("3_LayerNorm/config.json", json!({"dimension": 2})),
    ];
    let folder = checkpoint(&files);
    let row = |from: f32| (0..24).map(move |at| (from + at as f32 * 0.7).sin() * 0.2).collect::<Vec<_>>();
    let rows = [row(0.0), row(2.0)];
    let weight = Array::from_vec(rows.concat(), [2, 24]).unwrap();
    let write = |file: &str, arrays: &[(&str, Array)]| {
        let arrays = arrays.iter().map(|(name, array)| (*name, array));
        save_safetensors(folder.path().join(file), arrays, &BTreeMap::new()).unwrap();
    };
    let bias = Array::from([0.1_f32, -0.2]);
    write("2_Dense/model.safetensors", &[("linear.weight", weight), ("linear.bias", bias)]);
    let norm = [("norm.weight", Array::from([2.0_f32, 3.0])), ("norm.bias", Array::from([0.5_f32, -0.5]))];
    write("3_LayerNorm/model.safetensors", &norm);
    let embedder = load(&folder).unwrap();
    let states = states(&embedder, "a b c");
    let mean = weighted(&states, |_| 1.0, states.len() as f32);
    let dense =
        |at: usize, bias: f32| (rows[at].iter().zip(&mean).map(|(w, x)| w * x).sum::<f32>() + bias).tanh();
    let (x, y) = (dense(0, 0.1), dense(1, -0.2));
    let (middle, half) = (x.midpoint(y), (x - y) / 2.0);
    let by = (half * half + 1e-5).sqrt();
    let expected = [(x - middle) / by * 2.0 + 0.5, (y - middle) / by * 3.0 - 0.5];
    assert_close(&vectors(&embedder, &["a b c"], &Options::default())[0], expected);
}

#[test]
fn a_damaged_checkpoint_says_what_is_wrong() {
    let message = |files: &[(&str, Value)]| load(&checkpoint(files)).err().unwrap().to_string();
    let pooling = || ("1_Pooling/config.json", json!({"pooling_mode": "mean"}));
    let missing = message(&[("modules.json", modules(&["Transformer", "Pooling"]))]);
    assert!(missing.contains("1_Pooling/config.json"), "{missing}");
    let unknown = message(&[("modules.json", modules(&["Transformer", "Pooling", "Router"])), pooling()]);
    assert_eq!(
        unknown,
        "modules.json: step `sentence_transformers.models.Router` is not supported (known: Transformer, Pooling, Dense, LayerNorm, Normalize)"
    );
    let turned = message(&[("modules.json", modules(&["Pooling", "Transformer"])), pooling()]);
    assert!(turned.starts_with("modules.json: `Pooling` is step 0"), "{turned}");
    let way = ("1_Pooling/config.json", json!({"pooling_mode": "median"}));
    let way = message(&[("modules.json", modules(&["Transformer", "Pooling"])), way]);
    assert_eq!(way, "1_Pooling/config.json: pooling_mode `median` is not supported");
    let none = ("1_Pooling/config.json", json!({}));
    let none = message(&[("modules.json", modules(&["Transformer", "Pooling"])), none]);
    assert_eq!(none, "1_Pooling/config.json: no way to pool is set");
}
