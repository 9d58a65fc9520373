//! Tiny random Vocos models against their own package.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_audio::codec::{Codes, Vocos};
use mlx_audio::mlx_core::{Array, Dtype, io};
use mlx_audio::mlx_hub::Source;
use mlx_testkit::relative_rms;

use crate::sounds::noise;

const CLOSE: f64 = 1e-5;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/codec").join(name)
}

fn arrays(name: &str) -> BTreeMap<String, Array> {
    io::load_safetensors(folder(name).join("model.safetensors")).unwrap().arrays
}

fn config(name: &str) -> String {
    fs::read_to_string(folder(name).join("config.yaml")).unwrap()
}

fn load(name: &str) -> (Vocos, BTreeMap<String, Array>) {
    let source = Source::path(folder(name));
    assert!(Vocos::is_in(&source).unwrap());
    let expected = io::load_safetensors(folder(name).join("expected.safetensors")).unwrap().arrays;
    (Vocos::load(&source).unwrap_or_else(|error| panic!("{name}: {error}")), expected)
}

#[track_caller]
fn assert_close(what: &str, found: &Array, expected: &Array) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    let error = relative_rms(&found.to_vec::<f32>().unwrap(), &expected.to_vec::<f32>().unwrap());
    assert!(error < CLOSE, "{what}: {error:e}");
}

#[test]
fn mel_spectra_and_their_sound_are_those_of_the_package() {
    for name in ["vocos", "vocos-same"] {
        let (vocos, expected) = load(name);
        assert_eq!((vocos.sample_rate(), vocos.is_of_codes()), (800, false));
        for at in 0..3 {
            let mel = vocos.mel(&expected[&format!("audio.{at}")].to_vec::<f32>().unwrap()).unwrap();
            assert_close(&format!("{name}, mel {at}"), &mel, &expected[&format!("mel.{at}")]);
            let sound = vocos.decode_mel(&mel).unwrap();
            assert_close(&format!("{name}, sound {at}"), &sound, &expected[&format!("decoded.{at}")]);
        }
    }
}

#[test]
fn silence_is_the_least_logarithm() {
    let mel = load("vocos").0.mel(&[0.0; 100]).unwrap().to_vec::<f32>().unwrap();
    assert!(mel.iter().all(|value| (value - 1e-7_f32.ln()).abs() < 1e-5));
}

#[test]
fn sound_of_codes_is_that_of_the_package_at_each_bandwidth() {
    let (vocos, expected) = load("vocos-encodec");
    assert_eq!((vocos.sample_rate(), vocos.is_of_codes()), (24_000, true));
    for bandwidth in 0..2 {
        let codes = Codes::new(expected[&format!("codes.{bandwidth}")].clone());
        let sound = vocos.decode_codes(&codes).unwrap();
        let expected = &expected[&format!("decoded.{bandwidth}")];
        assert_close(&format!("bandwidth {bandwidth}"), &sound, expected);
        let cut = vocos.decode_codes(&codes.with_samples(Some(31))).unwrap();
        assert_close("what there was", &cut, &expected.index(..31).unwrap());
    }
}

#[test]
fn a_long_recording_sounds_the_same_in_its_middle_as_alone() {
    for (name, hop) in [("vocos", 16), ("vocos-same", 20)] {
        let (vocos, _) = load(name);
        let mel = vocos.mel(&noise(hop as usize * 1500, 5)).unwrap();
        let whole = vocos.decode_mel(&mel).unwrap();
        // Frame 1024 is the first of the second block.
        let part = vocos.decode_mel(&mel.index(900..1200).unwrap()).unwrap();
        let expected = part.index(30 * hop..270 * hop).unwrap();
        assert_close(name, &whole.index(930 * hop..1170 * hop).unwrap(), &expected);
    }
}

#[test]
fn convolutions_may_lie_as_mlx_has_them_and_the_config_may_be_json() {
    let (vocos, expected) = load("vocos");
    let turned = |(name, array): (String, Array)| match array.ndim() {
        3 => (name, array.swapaxes(1, 2).unwrap()),
        _ => (name, array),
    };
    let json = r#"{
        "feature_extractor": {
            "class_path": "vocos.feature_extractors.MelSpectrogramFeatures",
            "init_args": {"sample_rate": 800, "n_fft": 64, "hop_length": 16, "n_mels": 8, "padding": "center"}
        },
        "backbone": {
            "class_path": "vocos.models.VocosBackbone",
            "init_args": {"input_channels": 8, "dim": 12, "intermediate_dim": 20, "num_layers": 2}
        },
        "head": {
            "class_path": "vocos.heads.ISTFTHead",
            "init_args": {"dim": 12, "n_fft": 64, "hop_length": 16, "padding": "center"}
        }
    }"#;
    let other = Vocos::build(json, arrays("vocos").into_iter().map(turned).collect()).unwrap();
    let mel = &expected["mel.2"];
    assert_close("mlx", &other.decode_mel(mel).unwrap(), &vocos.decode_mel(mel).unwrap());
}

#[test]
fn what_does_not_fit_says_why() {
    let problem = |name: &str, from: &str, to: &str| {
        let text = config(name);
        assert!(text.contains(from), "{from}");
        let message = Vocos::build(&text.replace(from, to), arrays(name)).err().unwrap().to_string();
        assert_eq!(message.lines().count(), 1, "{message}");
        message
    };
    assert!(problem("vocos", "ISTFTHead", "IMDCTSymExpHead").contains("IMDCTSymExpHead"));
    assert!(problem("vocos", "n_mels: 8", "n_mels: 9").contains("n_mels or hop_length"));
    assert!(problem("vocos", "num_layers: 2", "num_layers: 0").contains("num_layers is 0"));
    assert!(problem("vocos", "padding: center", "padding: left").contains("left"));
    assert!(problem("vocos", "intermediate_dim: 20", "intermediate_dim: 21").contains("pwconv1"));
    assert!(problem("vocos", "backbone:", "spine:").contains("backbone"));
    assert!(
        problem("vocos-encodec", "adanorm_num_embeddings: 2", "adanorm_num_embeddings: 3")
            .contains("bandwidths")
    );
    let (mel, codes) = (load("vocos").0, load("vocos-encodec").0);
    let three = Codes::new(Array::zeros([3, 4], Dtype::Int32).unwrap());
    assert!(codes.decode_codes(&three).err().unwrap().to_string().contains("between 1 and 2"));
    assert!(mel.decode_codes(&three).is_err() && codes.mel(&[0.0; 90]).is_err());
    let narrow = Array::zeros([4, 7], Dtype::Float32).unwrap();
    assert!(mel.decode_mel(&narrow).err().unwrap().to_string().contains("[frames, 8]"));
    assert!(mel.mel(&[]).is_err());
}

#[test]
fn a_pickle_is_named_with_the_way_out() {
    let empty = tempfile::tempdir().unwrap();
    fs::write(empty.path().join("config.yaml"), config("vocos")).unwrap();
    fs::write(empty.path().join("pytorch_model.bin"), b"PK").unwrap();
    let message = Vocos::load(&Source::path(empty.path())).err().unwrap().to_string();
    assert!(message.contains("pytorch_model.bin") && message.contains("model.safetensors"), "{message}");
}
