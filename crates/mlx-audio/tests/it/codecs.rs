//! Tiny random codecs against transformers, and against the models' own code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlx_audio::codec::{self, Codec, Codes, Options};
use mlx_audio::mlx_core::{Array, Dtype, concatenate, io};
use mlx_audio::mlx_hub::Source;
use mlx_testkit::relative_rms;
use serde_json::{Value, json};

/// Random weights enlarge rounding: a Mimi decodes to 1.4e-4 by convolutions that differ by 1e-7.
const CLOSE: f64 = 3e-4;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/codec").join(name)
}

pub(crate) fn config(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder(name).join("config.json")).unwrap()).unwrap()
}

pub(crate) fn arrays(name: &str) -> BTreeMap<String, Array> {
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
pub(crate) fn compare(name: &str, codec: &dyn Codec, options: impl Fn(&str) -> Options) {
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

pub(crate) fn bandwidth(text: &str) -> Options {
    Options { bandwidth: Some(text.parse().unwrap()), ..Options::default() }
}

pub(crate) fn books(text: &str) -> Options {
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

#[test]
fn mimi_agrees_with_transformers() {
    compare("mimi", load("mimi").as_ref(), books);
}

#[test]
fn mimi_in_parts_is_the_whole() {
    let codec = load("mimi");
    let (audio, options) = (&expected("mimi")["audio.3"], books("3"));
    let whole = codec.encode(audio, options).unwrap();
    let decoded = codec.decode(&whole).unwrap();
    for part in [1, 7, 24, 100, 173] {
        let mut stream = codec.stream(options).unwrap();
        let (mut found, mut heard) = (Vec::new(), Vec::new());
        let samples = audio.to_vec::<f32>().unwrap();
        let parts = samples.chunks(part).map(|part| Array::from_slice(part, [part.len() as i32]).unwrap());
        for part in parts {
            found.extend(stream.encode(&part).unwrap());
        }
        found.extend(stream.finish().unwrap());
        for codes in &found {
            heard.push(stream.decode(codes).unwrap().unwrap());
        }
        let codes: Vec<_> = found.iter().map(|codes| codes.rates()[0].clone()).collect();
        let codes = Codes::new(concatenate(&codes, 1).unwrap());
        assert_eq!(numbers(&codes), numbers(&whole), "in parts of {part}");
        let heard = concatenate(&heard, 0).unwrap().index(..173).unwrap();
        assert_close(&format!("in parts of {part}"), &heard, &decoded);
    }
}

#[test]
fn a_stream_begins_anew_behind_its_end() {
    let codec = load("mimi");
    let audio = &expected("mimi")["audio.2"];
    let mut stream = codec.stream(Options::default()).unwrap();
    let mut said = || {
        let mut found: Vec<_> = stream.encode(audio).unwrap().into_iter().collect();
        found.extend(stream.finish().unwrap());
        found.iter().flat_map(numbers).collect::<Vec<_>>()
    };
    assert_eq!(said(), said());
}

/// Compares codes, and audio of them with noise of ones, of a golden folder of a SNAC.
#[track_caller]
pub(crate) fn compare_snac(name: &str, codec: &dyn Codec) {
    let expected = expected(name);
    for at in 0..4 {
        let found = codec.encode(&expected[&format!("audio.{at}")], Options::default()).unwrap();
        let codes: Vec<_> = (0..3).map(|rate| expected[&format!("codes.{at}.{rate}")].clone()).collect();
        assert_eq!(numbers(&found), numbers(&Codes::of_rates(codes)), "{name}, {at}");
        let ones = &mut |length| Array::ones([length], Dtype::Float32);
        let decoded = codec.decode_with_noise(&found, ones).unwrap();
        assert_close(&format!("{name}, {at}"), &decoded, &expected[&format!("decoded.{at}")]);
    }
}

#[test]
fn snac_agrees_with_its_own_code() {
    for name in ["snac", "snac-local"] {
        compare_snac(name, load(name).as_ref());
    }
}

#[test]
fn the_noise_of_snac_is_the_same_every_time() {
    let codec = load("snac");
    let codes = codec.encode(&expected("snac")["audio.3"], Options::default()).unwrap();
    let decode = || codec.decode(&codes).unwrap().to_vec::<f32>().unwrap();
    assert_eq!(decode(), decode());
    let silent = codec.decode_with_noise(&codes, &mut |length| Array::zeros([length], Dtype::Float32));
    assert_ne!(decode(), silent.unwrap().to_vec::<f32>().unwrap());
}

/// The arrays with convolutions as MLX has them; `transposed` tells those that are transposed.
fn as_mlx(arrays: BTreeMap<String, Array>, transposed: impl Fn(&str) -> bool) -> BTreeMap<String, Array> {
    let lay = |(name, array): (String, Array)| {
        let array = match array.ndim() {
            3 if name.ends_with("original0") || name.ends_with("alpha") => array,
            3 if transposed(&name) => array.transpose([1, 2, 0]).unwrap(),
            3 => array.swapaxes(1, 2).unwrap(),
            _ => array,
        };
        (name, array)
    };
    arrays.into_iter().map(lay).collect()
}

/// What a codec of these arrays makes of the longest audio of a golden folder.
fn heard(name: &str, arrays: BTreeMap<String, Array>) -> Array {
    let codec = codec::build(&config(name), arrays).unwrap_or_else(|error| panic!("{name}: {error}"));
    let codes = codec.encode(&expected(name)["audio.3"], Options::default()).unwrap();
    codec.decode(&codes).unwrap()
}

#[test]
fn convolutions_may_lie_as_mlx_has_them() {
    let dac = as_mlx(arrays("dac"), |name| name.contains("conv_t1"));
    assert_close("dac", &heard("dac", dac), &heard("dac", arrays("dac")));
    let mimi = as_mlx(arrays("mimi"), |name| {
        ["decoder.layers.2.conv.weight", "decoder.layers.5.conv.weight"].contains(&name)
    });
    assert_close("mimi", &heard("mimi", mimi), &heard("mimi", arrays("mimi")));
}

#[test]
fn weight_norm_may_have_its_older_names() {
    let older = arrays("encodec").into_iter().map(|(name, array)| {
        let name = name.replace("parametrizations.weight.original0", "weight_g");
        (name.replace("parametrizations.weight.original1", "weight_v"), array)
    });
    assert_close("encodec", &heard("encodec", older.collect()), &heard("encodec", arrays("encodec")));
}

#[test]
fn codes_go_through_named_arrays() {
    for name in ["encodec-stereo", "snac"] {
        let codec = load(name);
        let codes = codec.encode(&expected(name)["audio.3"], Options::default()).unwrap();
        let again = Codes::from_arrays(&codes.arrays()).unwrap();
        assert_close(name, &codec.decode(&again).unwrap(), &codec.decode(&codes).unwrap());
    }
    assert!(Codes::from_arrays(&BTreeMap::new()).err().unwrap().to_string().contains("codes.0"));
}

#[test]
fn silence_and_one_sample_become_audio_of_their_length() {
    for (name, channels) in [("encodec", 1), ("encodec-stereo", 2), ("dac", 1), ("mimi", 1), ("snac", 1)] {
        for length in [1, 5, 91] {
            let codec = load(name);
            let audio = Array::zeros([length, channels], Dtype::Float32).unwrap();
            let codes = codec.encode(&audio, Options::default()).unwrap();
            let decoded = codec.decode(&codes).unwrap();
            assert_eq!(decoded.dim(0).unwrap(), length, "{name}");
            assert!(decoded.to_vec::<f32>().unwrap().iter().all(|sample| sample.is_finite()), "{name}");
        }
    }
}

#[test]
fn what_is_no_audio_and_no_code_is_refused() {
    let codec = load("encodec");
    let codes = |values: &[i32], shape: [i32; 2]| Codes::new(Array::from_slice(values, shape).unwrap());
    let refused = |codes: Codes| codec.decode(&codes).err().unwrap().to_string();
    assert_eq!(refused(codes(&[3, 16], [1, 2])), "code is 16: a codebook has codes from 0 to 15");
    assert_eq!(refused(codes(&[-1, 3], [1, 2])), "code is -1: a codebook has codes from 0 to 15");
    assert!(refused(codes(&[0; 40], [40, 1])).starts_with("codebooks is 40: this codec has between 1 and"));
    assert!(refused(codes(&[], [1, 0])).contains("there must be at least one"));
    assert!(refused(Codes::of_rates(vec![])).starts_with("rates of codes is 0"));
    let floats = Codes::new(Array::zeros([1, 2], Dtype::Float32).unwrap());
    assert!(refused(floats).contains("whole numbers"));
    let stereo = Array::zeros([9, 2], Dtype::Float32).unwrap();
    let message = codec.encode(&stereo, Options::default()).err().unwrap().to_string();
    assert_eq!(message, "channels is 2: this codec takes 1");
    let nothing = Array::zeros([0], Dtype::Float32).unwrap();
    let message = codec.encode(&nothing, Options::default()).err().unwrap().to_string();
    assert!(message.starts_with("samples is 0"), "{message}");
    let mono = Array::zeros([9], Dtype::Float32).unwrap();
    let message = codec.encode(&mono, bandwidth("5")).err().unwrap().to_string();
    assert_eq!(message, "bandwidth is 5: it must be one of 0.4, 0.8, 1.6");
    let rates = Codes::of_rates([2, 2, 4].map(|n| Array::zeros([1, n], Dtype::Int32).unwrap()).to_vec());
    assert!(load("snac").decode(&rates).err().unwrap().to_string().contains("the same time"));
}

#[test]
fn a_config_that_cannot_be_says_why() {
    for (name, field, value, problem) in [
        ("encodec", "upsampling_ratios", json!([]), "upsampling_ratios has 0 entries"),
        ("encodec", "pad_mode", json!("circular"), "pad_mode `circular`"),
        ("encodec", "num_filters", json!(0), "num_filters is 0"),
        ("dac", "decoder_hidden_size", json!(2), "cannot be halved"),
        ("mimi", "num_semantic_quantizers", json!(4), "num_semantic_quantizers is 4"),
        ("snac", "vq_strides", json!([0, 1]), "vq_strides is 0"),
        ("mimi", "model_type", json!("moshi"), "model type `moshi` is not supported (known: dac"),
    ] {
        let mut config = config(name);
        config[field] = value;
        let message = codec::build(&config, arrays(name)).err().unwrap().to_string();
        assert!(message.contains(problem), "{name}: {message}");
    }
}
