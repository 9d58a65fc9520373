//! A tiny random Kokoro against PyTorch, and its checkpoints, voices and texts.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_audio::kokoro::{Kokoro, Prosody};
use mlx_audio::mlx_core::{Array, io};
use mlx_audio::mlx_hub::Source;
use mlx_testkit::{Golden, Tolerance, assert_close, relative_rms};
use serde::Deserialize;
use tempfile::TempDir;

use crate::recordings::golden;

#[derive(Deserialize)]
struct Case {
    text: String,
    speed: f32,
}

pub(crate) fn folder() -> PathBuf {
    golden("kokoro")
}

pub(crate) fn load(folder: &Path) -> Kokoro {
    Kokoro::load(&Source::path(folder)).unwrap_or_else(|error| panic!("{error}"))
}

/// The most that sounds may be apart: small parts of a spectrum turn far with little.
const CLOSE: f64 = 1e-4;

fn cases() -> Vec<Case> {
    serde_json::from_str(&fs::read_to_string(folder().join("texts.json")).unwrap()).unwrap()
}

/// The noise of the golden script.
fn noise([samples, waves]: [i32; 2], scale: f64) -> Array {
    let one = |sample: i32, wave: i32| {
        let turns = (f64::from(sample) * 12.9898 + f64::from(wave) * 78.233).sin() * 43758.5453;
        let drawn = (turns.rem_euclid(1.0) * 2.0 - 1.0) as f32;
        drawn * scale as f32
    };
    let values = (0..samples).flat_map(|sample| (0..waves).map(move |wave| one(sample, wave))).collect();
    Array::from_vec(values, [samples, waves]).unwrap()
}

#[test]
fn prosody_agrees_with_pytorch() {
    let (kokoro, expected) = (load(&folder()), Golden::open(folder().join("expected.safetensors")));
    let voice = kokoro.voice("af_one").unwrap();
    for (at, Case { text, speed }) in cases().iter().enumerate() {
        let Prosody { durations, f0, energy } = kokoro.prosody(text, &voice, *speed).unwrap();
        assert_eq!(durations, expected.i32(&format!("durations.{at}")), "{text}");
        assert_close(&f0, &expected.f32(&format!("f0.{at}")), Tolerance::F32);
        assert_close(&energy, &expected.f32(&format!("energy.{at}")), Tolerance::F32);
    }
}

/// The errors of all sounds of a model, where it is given the noise of the golden script.
fn errors(kokoro: &Kokoro) -> Vec<f64> {
    let expected = Golden::open(folder().join("expected.safetensors"));
    let voice = kokoro.voice("af_one").unwrap();
    let mut errors = Vec::new();
    for (at, Case { text, speed }) in cases().iter().enumerate() {
        let prosody = kokoro.prosody(text, &voice, *speed).unwrap();
        for scale in [1.0, 0.5] {
            let audio =
                kokoro.say_with_noise(text, &voice, &prosody, |shape| Ok(noise(shape, scale))).unwrap();
            let wanted = expected.f32(&format!("audio.{at}.{scale:?}"));
            errors.push(relative_rms(audio.samples(), &wanted));
        }
    }
    errors
}

#[test]
fn sound_agrees_with_pytorch() {
    let errors = errors(&load(&folder()));
    println!("{errors:?}");
    assert!(errors.len() == 8 && errors.iter().all(|&error| error < CLOSE), "{errors:?}");
}

/// The arrays as MLX has them: convolutions lie otherwise, and some have other names.
fn as_mlx(arrays: BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let ways = [("_reverse", "backward"), ("", "forward")];
    let rename = |name: &str| {
        if name.contains("cnn") {
            return name.replace("gamma", "weight").replace("beta", "bias");
        }
        let parts =
            [("weight_ih", "Wx"), ("weight_hh", "Wh"), ("bias_ih", "bias_ih"), ("bias_hh", "bias_hh")];
        for (part, new) in parts {
            for (ending, way) in ways {
                if let Some(layer) = name.strip_suffix(&format!("{part}_l0{ending}")) {
                    return format!("{layer}{new}_{way}");
                }
            }
        }
        name.to_owned()
    };
    let lie = |(name, array): (String, Array)| {
        let is_kernel = array.ndim() == 3 && !name.contains("alpha") && !name.ends_with("weight_g");
        let array = if is_kernel { array.swapaxes(1, 2).unwrap() } else { array };
        (rename(&name), array)
    };
    arrays.into_iter().map(lie).collect()
}

/// A copy of the golden folder with other arrays.
fn copied(arrays: &BTreeMap<String, Array>) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    fs::copy(folder().join("config.json"), copy.path().join("config.json")).unwrap();
    fs::create_dir(copy.path().join("voices")).unwrap();
    let voice = Path::new("voices/af_one.safetensors");
    fs::copy(folder().join(voice), copy.path().join(voice)).unwrap();
    let named = arrays.iter().map(|(name, array)| (name.as_str(), array));
    io::save_safetensors(copy.path().join("model.safetensors"), named, &BTreeMap::new()).unwrap();
    copy
}

fn arrays() -> BTreeMap<String, Array> {
    io::load_safetensors(folder().join("model.safetensors")).unwrap().arrays
}

#[test]
fn the_layout_of_mlx_sounds_the_same() {
    let copy = copied(&as_mlx(arrays()));
    assert!(errors(&load(copy.path())).iter().all(|&error| error < CLOSE));
}

#[test]
fn what_does_not_fit_is_listed() {
    let mut arrays = arrays();
    let stray = arrays.remove("bert_encoder.bias").unwrap();
    arrays.insert("decoder.stray".to_owned(), stray);
    let copy = copied(&arrays);
    let error = Kokoro::load(&Source::path(copy.path())).err().unwrap().to_string();
    assert!(
        error.contains("missing: bert_encoder.bias") && error.contains("unused: decoder.stray"),
        "{error}"
    );
    let config = fs::read_to_string(copy.path().join("config.json")).unwrap();
    for (from, to, wanted) in [
        ("\"hidden_dim\": 8", "\"hidden_dim\": 9", "hidden_dim is 9: it must be even"),
        ("\"gen_istft_hop_size\": 2", "\"gen_istft_hop_size\": 3", "multiple of gen_istft_hop_size"),
        ("\"n_token\": 14", "\"n_token\": 4", "vocab gives"),
    ] {
        fs::write(copy.path().join("config.json"), config.replace(from, to)).unwrap();
        let error = Kokoro::load(&Source::path(copy.path())).err().unwrap().to_string();
        assert!(error.contains(wanted), "{error}");
    }
}

#[test]
fn voices_are_read_from_files_of_all_kinds() {
    let copy = copied(&arrays());
    let voices = copy.path().join("voices");
    let one = io::load_safetensors(voices.join("af_one.safetensors")).unwrap().arrays["voice"].clone();
    let (twice, thrice) = ((&one * 2.0).unwrap(), (&one * 3.0).unwrap());
    let bytes: Vec<u8> =
        twice.to_vec::<f32>().unwrap().iter().flat_map(|value| value.to_le_bytes()).collect();
    fs::write(voices.join("am_two.bin"), bytes).unwrap();
    io::save_npy(voices.join("bf_three.npy"), &thrice).unwrap();
    let archive = copy.path().join("more.npz");
    io::save_npz(&archive, [("jf_one", &one), ("jf_three", &thrice)], io::Compression::None).unwrap();
    fs::copy(&archive, copy.path().join("voices-v1.0.bin")).unwrap();
    let kokoro = load(copy.path());
    assert_eq!(kokoro.voices(), ["af_one", "am_two", "bf_three", "jf_one", "jf_three"]);
    let f0 = |voice: &str| {
        let voice = kokoro.voice(voice).unwrap_or_else(|error| panic!("{error}"));
        kokoro.prosody("ab, de.", &voice, 1.0).unwrap().f0
    };
    assert_eq!(f0("jf_one"), f0("af_one"));
    assert_eq!(f0("jf_three"), f0("bf_three"));
    assert_ne!(f0("am_two"), f0("af_one"));
    // Of one part and three there are three parts and one in twice as much, and as much of both in equal parts.
    for mixture in ["af_one:1,bf_three:1", "af_one, bf_three", "am_two", "jf_three:0.1, jf_one:0.1"] {
        assert!(relative_rms(&f0(mixture), &f0("am_two")) < 1e-5, "{mixture}");
    }
    assert!(relative_rms(&f0("af_one:0.75,bf_three:0.25"), &f0("am_two")) > 1e-3);
    let path = voices.join("am_two.bin").display().to_string();
    assert_eq!(f0(&path), f0("am_two"));
    let error = kokoro.voice("af_none").unwrap_err().to_string();
    let known = "there is no such file; known are af_one, am_two, bf_three, jf_one, jf_three";
    assert_eq!(error, format!("voice is af_none: {known}"));
    assert!(kokoro.voice("af_one:x").unwrap_err().to_string().contains("a number"));
    assert!(kokoro.voice("af_one:0").unwrap_err().to_string().contains("more than 0"));
    let config = copy.path().join("config.json").display().to_string();
    assert!(kokoro.voice(&config).unwrap_err().to_string().contains("no voice"));
}

#[test]
fn a_voice_of_torch_is_read() {
    let kokoro = load(&folder());
    let flipped = io::load_safetensors(folder().join("voices/af_one.safetensors")).unwrap().arrays["voice"]
        .flip(0)
        .unwrap();
    let copy = copied(&arrays());
    io::save_npy(copy.path().join("voices/bf_two.npy"), &flipped).unwrap();
    let f0 = |kokoro: &Kokoro| kokoro.prosody("hello", &kokoro.voice("bf_two").unwrap(), 1.0).unwrap().f0;
    assert_eq!(f0(&kokoro), f0(&load(copy.path())));
}

#[test]
fn the_noise_follows_the_seed() {
    let kokoro = load(&folder());
    let voice = kokoro.voice("af_one").unwrap();
    let prosody = kokoro.prosody("hello", &voice, 1.0).unwrap();
    let say = |seed| kokoro.say("hello", &voice, &prosody, seed).unwrap();
    assert_eq!(say(3), say(3));
    assert_ne!(say(3), say(4));
    assert_eq!(say(3).rate(), 24_000);
}

#[test]
fn what_cannot_be_said_is_one_error() {
    let kokoro = load(&folder());
    let voice = kokoro.voice("af_one").unwrap();
    let error = |phonemes: &str, speed| kokoro.prosody(phonemes, &voice, speed).unwrap_err().to_string();
    assert_eq!(error("ab?", 1.0), "phoneme is ?: the model has no such sign");
    assert_eq!(error("", 1.0), "phonemes is 0: there must be between 1 and 18");
    assert_eq!(error(&"a".repeat(19), 1.0), "phonemes is 19: there must be between 1 and 18");
    assert_eq!(error("ab", 0.4), "speed is 0.4: it must be between 0.5 and 2");
    assert!(error("ab", f32::NAN).starts_with("speed is NaN"));
    let prosody = kokoro.prosody("ab", &voice, 1.0).unwrap();
    let say = |prosody: &Prosody| kokoro.say("ab", &voice, prosody, 0).map_err(|error| error.to_string());
    assert!(say(&prosody).is_ok());
    let f0 = prosody.f0[1..].to_vec();
    assert!(say(&Prosody { f0, ..prosody.clone() }).unwrap_err().contains("two for each frame"));
    let durations = vec![1; 3];
    assert!(say(&Prosody { durations, ..prosody.clone() }).unwrap_err().contains("two more than phonemes"));
    let energy = vec![f32::NAN; prosody.energy.len()];
    assert!(say(&Prosody { energy, ..prosody }).unwrap_err().contains("finite"));
}
