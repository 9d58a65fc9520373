//! `mlx speak` with a tiny random model.

use mlx_core::io;

use crate::program::mlx;

fn random() -> String {
    format!("{}/../mlx-audio/tests/golden/kokoro", env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn phonemes_are_spoken_and_their_prosody_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let [wav, file] = ["a.wav", "a.safetensors"].map(|name| folder.path().join(name).display().to_string());
    let model = random();
    let phonemes = ["speak", "--model", &model, "--phonemes", "ab, de.", "--voice", "af_one"];
    let run = mlx(&[&phonemes[..], &["--output", &wav]].concat());
    assert!(run.ok && run.out.is_empty() && run.err.is_empty(), "{} {}", run.out, run.err);
    let run = mlx(&[&phonemes[..], &["--prosody", "--output", &file]].concat());
    assert!(run.ok, "{}", run.err);
    let arrays = io::load_safetensors(&file).unwrap().arrays;
    let durations = arrays["durations"].to_vec::<i32>().unwrap();
    let frames: i32 = durations.iter().sum();
    assert_eq!(durations.len(), 9);
    assert_eq!((arrays["f0"].shape(), arrays["energy"].shape()), (&[2 * frames][..], &[2 * frames][..]));
    // Twelve samples are half a frame of this model.
    assert_eq!(std::fs::metadata(&wav).unwrap().len(), 44 + 2 * 24 * frames as u64);
}

#[test]
fn a_text_is_spoken() {
    let folder = tempfile::tempdir().unwrap();
    let [wav, text] = ["a.wav", "a.txt"].map(|name| folder.path().join(name).display().to_string());
    std::fs::write(&text, "A bed. A bee.").unwrap();
    let model = random();
    let run = mlx(&["speak", "--model", &model, "--file", &text, "--voice", "af_one", "--output", &wav]);
    assert!(run.ok, "{}", run.err);
    assert!(std::fs::metadata(&wav).unwrap().len() > 1000);
}

#[test]
fn the_name_says_how_sound_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let model = random();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let speak = |more: &[&str]| {
        let common = ["speak", "--model", &model, "--phonemes", "ab, de.", "--voice", "af_one"];
        mlx(&[&common[..], more].concat())
    };
    let sounds = ["a.wav", "a.flac"].map(|name| {
        let run = speak(&["--output", &path(name)]);
        assert!(run.ok, "{}", run.err);
        mlx_audio::Audio::open(path(name)).unwrap()
    });
    assert_eq!(sounds[0], sounds[1]);
    assert!(std::fs::read(path("a.flac")).unwrap().starts_with(b"fLaC"));
    let run = speak(&["--output", &path("a.mp3")]);
    assert!(!run.ok && run.err.contains("end it with .wav or .flac"), "{}", run.err);
    for more in [&[][..], &["--prosody", "--play"]] {
        assert!(!speak(more).ok, "{more:?}");
    }
}

#[test]
#[cfg(not(feature = "audio-io"))]
fn a_program_without_loudspeakers_says_how_to_build_one_with_them() {
    let run = mlx(&["speak", "--model", "none", "--text", "A bee.", "--play"]);
    let wanted = "--play: this `mlx` was built without loudspeakers; build it with `--features audio-io`";
    assert!(!run.ok && run.err.lines().count() == 1 && run.err.contains(wanted), "{}", run.err);
}

#[test]
fn what_is_wrong_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let wav = folder.path().join("a.wav").display().to_string();
    let model = random();
    let common = ["speak", "--model", &model, "--output", &wav];
    for (arguments, wanted) in [
        (
            ["--text", "A bee.", "--voice", "af_none"],
            "voice is af_none: there is no such file; known are af_one, bf_two",
        ),
        (["--text", "A bee.", "--language", "elvish"], "language is elvish: known are en-us"),
        (["--phonemes", "a?b", "--voice", "af_one"], "phoneme is ?: the model has no such sign"),
        (["--text", "A bee.", "--speed", "7"], "speed is 7: it must be between 0.5 and 2"),
        (["--text", "A bee.", "--pause=-1", "--voice=af_one"], "--pause -1: it must be from 0"),
        (["--text", "...", "--voice", "af_one"], "has no word that can be spoken"),
    ] {
        let run = mlx(&[&common[..], &arguments[..]].concat());
        assert!(!run.ok && run.err.lines().count() == 1 && run.err.contains(wanted), "{}", run.err);
    }
    assert!(!folder.path().join("a.wav").exists());
}
