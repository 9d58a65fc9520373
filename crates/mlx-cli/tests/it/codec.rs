//! `mlx codec`, with tiny codecs of random numbers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mlx_audio::{Audio, WavFormat};
use mlx_core::{Array, io};
use mlx_testkit::relative_rms;
use tempfile::TempDir;

use crate::program::mlx;

fn model(name: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("../mlx-audio/tests/golden/codec").join(name).display().to_string()
}

/// A folder with a recording of so many frames of two channels at 800 Hz, the rate of the codecs.
fn recording(frames: usize) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.wav");
    let sample = |at: usize| 0.4 * (at as f32 * 0.31).sin() + 0.1 * (at as f32 * 1.7).cos();
    let samples = (0..2 * frames).map(|at| sample(at / 2)).collect();
    Audio::new(samples, 2, 800).unwrap().save(&path, WavFormat::F32).unwrap();
    let name = path.display().to_string();
    (folder, name)
}

#[track_caller]
fn succeed(arguments: &[&str]) {
    let run = mlx(arguments);
    assert!(run.ok && run.out.is_empty() && run.err.is_empty(), "{run:?}");
}

fn at(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

fn arrays(path: &str) -> BTreeMap<String, Array> {
    io::load_safetensors(path).unwrap().arrays
}

fn floats(array: &Array) -> Vec<f32> {
    array.to_vec().unwrap()
}

/// Encodes, decodes and does both, and compares the two ways. Gives the arrays of both.
#[track_caller]
fn both_ways(name: &str, frames: usize, options: &[&str]) -> BTreeMap<String, Array> {
    let (folder, sound) = recording(frames);
    let (model, [codes, audio, both]) =
        (model(name), ["c", "a", "b"].map(|it| at(&folder, &format!("{it}.safetensors"))));
    succeed(&[&["codec", "encode", "--model", &model, &sound, "--output", &codes], options].concat());
    succeed(&["codec", "decode", "--model", &model, &codes, "--output", &audio]);
    succeed(&[&["codec", "roundtrip", "--model", &model, &sound, "--output", &both], options].concat());
    let (codes, audio, both) = (arrays(&codes), arrays(&audio), arrays(&both));
    // Parts of other lengths are summed in another order.
    let error = relative_rms(&floats(&audio["audio"]), &floats(&both["audio"]));
    assert!(error < 1e-5, "{name}: {error:e}");
    for (key, array) in &codes {
        if key.starts_with("codes") {
            assert_eq!((array.dtype(), array.shape()), (mlx_core::Dtype::Int32, both[key].shape()), "{name}");
            assert_eq!(array.to_vec::<i32>().unwrap(), both[key].to_vec::<i32>().unwrap(), "{name}");
        }
    }
    both
}

#[test]
fn codecs_encode_and_decode() {
    let found = both_ways("encodec", 173, &[]);
    assert_eq!((found["codes"].shape(), found["audio"].shape()), (&[1, 15][..], &[173][..]));
    let found = both_ways("encodec", 173, &["--bandwidth", "1.6"]);
    assert_eq!(found["codes"].dim(1).unwrap(), 15);
    assert!(found["codes"].dim(0).unwrap() > 1);
    let found = both_ways("encodec-stereo", 173, &[]);
    assert_eq!(found["audio"].shape(), [173, 2]);
    let found = both_ways("dac", 173, &["--codebooks", "2"]);
    assert_eq!((found["codes"].shape(), found["audio"].shape()), (&[2, 18][..], &[173][..]));
    let found = both_ways("snac", 173, &[]);
    let shapes = [0, 1, 2].map(|rate| found[&format!("codes.{rate}")].shape().to_vec());
    assert_eq!(shapes, [[1, 8], [1, 16], [1, 32]]);
    assert_eq!(found["audio"].shape(), [173]);
}

#[test]
fn a_long_recording_goes_through_mimi_in_parts() {
    // Several parts of ten seconds, and of 256 codes.
    for frames in [25_003, 24_000] {
        let found = both_ways("mimi", frames, &["--codebooks", "3"]);
        let hop = 12;
        let codes = i32::try_from(frames.div_ceil(hop)).unwrap();
        assert_eq!(
            (found["codes"].shape(), found["audio"].dim(0).unwrap()),
            (&[3, codes][..], frames as i32)
        );
    }
}

#[test]
fn sound_files_hold_the_same_sound() {
    let (folder, sound) = recording(173);
    let model = model("dac");
    let run = |name: &str, more: &[&str]| {
        let path = at(&folder, name);
        succeed(&[&["codec", "roundtrip", "--model", &model, &sound, "--output", &path], more].concat());
        path
    };
    let expected = floats(&arrays(&run("a.safetensors", &[]))["audio"]);
    assert!(expected.iter().any(|sample| sample.abs() > 0.01));
    for (name, bits, within) in
        [("a.wav", "16", 2e-5), ("a.flac", "16", 2e-5), ("a.FLAC", "24", 1e-7), ("b.wav", "32", 0.0)]
    {
        let audio = Audio::open(run(name, &["--bits", bits])).unwrap();
        assert_eq!((audio.channels(), audio.rate(), audio.frames()), (1, 800, 173));
        let near =
            audio.samples().iter().zip(&expected).all(|(found, expected)| (found - expected).abs() <= within);
        assert!(near, "{name}");
    }
}

#[test]
fn a_vocos_makes_sound_of_mel_spectra_and_of_codes() {
    let (folder, sound) = recording(173);
    let output = at(&folder, "a.safetensors");
    succeed(&["codec", "roundtrip", "--model", &model("vocos"), &sound, "--output", &output]);
    assert_eq!(arrays(&output)["audio"].shape(), [160]);
    let expected = Path::new(&model("vocos-encodec")).join("expected.safetensors").display().to_string();
    let codes = at(&folder, "codes.safetensors");
    io::save_safetensors(&codes, [("codes", &arrays(&expected)["codes.1"])], &BTreeMap::new()).unwrap();
    succeed(&["codec", "decode", "--model", &model("vocos-encodec"), &codes, "--output", &output]);
    assert_eq!(arrays(&output)["audio"].shape(), [54]);
}

#[test]
fn what_cannot_be_done_is_one_line() {
    let (folder, sound) = recording(20);
    let output = at(&folder, "a.safetensors");
    let failure = |arguments: &[&str]| {
        let run = mlx(arguments);
        assert!(!run.ok && run.out.is_empty() && run.err.lines().count() == 1, "{run:?}");
        assert!(!Path::new(&output).exists());
        run.err
    };
    let encode = |model: &str, more: &[&str]| {
        failure(&[&["codec", "encode", "--model", model, &sound, "--output", &output], more].concat())
    };
    assert!(encode(&model("mimi"), &["--codebooks", "9"]).contains("between 1 and 4"));
    assert!(encode(&model("dac"), &["--bandwidth", "6"]).contains("ask for a number of codebooks"));
    assert!(encode(&model("encodec"), &["--bandwidth", "6"]).contains("0.4, 0.8, 1.6"));
    assert!(encode(&model("vocos"), &[]).contains("mlx codec roundtrip"));
    let name = at(&folder, "a.mp3");
    let line = failure(&["codec", "roundtrip", "--model", &model("dac"), &sound, "--output", &name]);
    assert!(line.contains("a.mp3") && line.contains(".flac"), "{line}");
    let line = failure(&["codec", "decode", "--model", &model("dac"), &sound, "--output", &output]);
    assert!(line.contains("in.wav"), "{line}");
    let flac = at(&folder, "a.flac");
    let line =
        failure(&["codec", "roundtrip", "--model", &model("dac"), &sound, "--output", &flac, "--bits", "32"]);
    assert!(line.contains("16 or 24"), "{line}");
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["in.wav"]);
}
