//! Tiny random codecs against transformers, and against the models' own code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlx_audio::codec::{self, Codec, Codes, Options};
use mlx_audio::mlx_core::{Array, Dtype, io};
use mlx_audio::mlx_hub::Source;
use mlx_testkit::{Golden, relative_rms};
use serde_json::{Value, json};

const CLOSE: f64 = 1e-4;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/codec").join(name)
}

fn config(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(name).join("config.json")).unwrap()).unwrap()
}

fn arrays(name: &str) -> BTreeMap<String, Array> {
    io::load_safetensors(folder(name).join("model.safetensors")).unwrap().arrays
}

fn load(name: &str) -> Box<dyn Codec> {
    codec::load(&Source::path(folder(name))).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn expected(name: &str) -> BTreeMap<String, Array> {
    io::load_safetensors(folder(name).join("expected.safetensors")).unwrap().arrays
}

#[track_caller]
fn assert_close(what: &str, found: &Array, expected: &Array) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let error = relative_rms(&found.to_vec::<f32>().unwrap(), &expected.to_vec::<f32>().unwrap());
    assert!(error < CLOSE, "{what}: {error:e}");
}

fn numbers(codes: &Codes) -> Vec<Vec<i32>> {
    codes.rates().iter().map(|codes| codes.to_vec::<i32>().unwrap()).collect()
}

/// Compares codes, and audio of them, of a golden folder; `options` reads the end of a key.
#[track_caller]
fn compare(name: &str, codec: &dyn Codec, options: impl Fn(&str) -> Options) {
    let expected = expected(name);
    let mut compared = 0;
    for (key, codes) in expected.iter().filter(|(key, _)| key.starts_with("codes.")) {
        let (at, option) = key["codes.".len()..].split_once('.').unwrap();
        let audio = &expected[&format!("audio.{at}")];
        let found = codec.encode(audio, options(option)).unwrap();
        assert_eq!(numbers(&found), [codes.to_vec::<i32>().unwrap()], "{name}, {key}");
        assert_eq!(found.rates()[0].shape(), codes.shape());
        if let Some(scales) = expected.get(&format!("scales.{at}")) {
            assert_close(key, found.scales().unwrap(), scales);
        }
        let decoded = codec.decode(&found).unwrap();
        let what = format!("{name}, {key}");
        assert_close(&what, &decoded, &expected[&key.replace("codes", "decoded")]);
        compared += 1;
    }
    assert!(compared > 8, "{name}: {compared} compared");
}

fn bandwidth(text: &str) -> Options {
    Options { bandwidth: Some(text.parse().unwrap()), ..Options::default() }
}

fn books(text: &str) -> Options {
    Options { codebooks: Some(text.parse().unwrap()), ..Options::default() }
}

#[test]
fn encodec_agrees_with_transformers() {
    for name in ["encodec", "encodec-stereo"] {
        compare(name, load(name).as_ref(), bandwidth);
    }
}

#[test]
fn dac_agrees_with_transformers() {
    compare("dac", load("dac").as_ref(), books);
}
