//! The one door: which model, long recordings in parts, and options that a model does not have.

use std::path::{Path, PathBuf};

use mlx_audio::recognizer::{Recognize, RecognizeOptions, Recognizer};
use mlx_audio::{Segment, WavFormat, WavWriter};
use mlx_core::Array;
use mlx_hub::Source;
use serde_json::{Value, json};

pub(crate) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recognizer").join(name)
}

/// Tones that rise, grow and beat, as in the scripts of the golden data.
pub(crate) fn sound(samples: usize, first: usize) -> Vec<f32> {
    let turn = std::f64::consts::TAU;
    let tone = |at: usize| {
        let time = (first + at) as f64 / 16_000.0;
        let rising = 0.3 * (turn * (200.0 + 300.0 * time) * time).sin();
        let growing = 0.1 * time * (turn * 1250.0 * time).sin();
        let beating = 0.2 * (turn * 3.0 * time).sin() * (turn * 2700.0 * time).sin();
        (rising + growing + beating) as f32
    };
    (0..samples).map(tone).collect()
}

/// A copy of a checkpoint with another config.
pub(crate) fn copied(name: &str, change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in folder(name).read_dir().unwrap().map(Result::unwrap) {
        if entry.file_name() != "expected.safetensors" {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let path = copy.path().join("config.json");
    let mut config = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    change(&mut config);
    std::fs::write(path, config.to_string()).unwrap();
    copy
}

fn open(path: &Path) -> mlx_audio::Result<Recognizer> {
    Recognizer::load(&Source::path(path), None)
}

#[test]
fn every_checkpoint_has_its_model() {
    for (name, expected) in [
        ("wav2vec2-base", "wav2vec2"),
        ("hubert", "wav2vec2"),
        ("nemo-tdt", "parakeet"),
        ("nemo-ctc", "parakeet"),
        ("parakeet-rnnt", "parakeet"),
    ] {
        match open(&folder(name)).unwrap() {
            Recognizer::Other(model) => assert_eq!(model.name(), expected),
            Recognizer::Whisper(_) => panic!("{name} is no Whisper"),
        }
    }
    let whisper = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/whisper");
    assert!(matches!(open(&whisper).unwrap(), Recognizer::Whisper(_)));
    let copy = copied("wav2vec2-base", |config| config["model_type"] = json!("llama"));
    let message = open(copy.path()).err().unwrap().to_string();
    assert!(
        message.starts_with("model type `llama` is not supported (known: whisper, wav2vec2"),
        "{message}"
    );
}

#[test]
fn what_a_model_does_not_have_is_refused() {
    let model = open(&folder("wav2vec2-base")).unwrap();
    let options = RecognizeOptions { beam_size: Some(5), ..RecognizeOptions::default() };
    let message = model.transcribe(&[0.0; 900], &options).unwrap_err().to_string();
    assert_eq!(message, "beam_size is 5: wav2vec2 has no such option, leave it out");
    let message = model.live(&RecognizeOptions::default()).err().unwrap().to_string();
    assert_eq!(message, "model is wav2vec2: it hears whole recordings: take a Whisper");
    let options = RecognizeOptions { language: Some("de".into()), ..RecognizeOptions::default() };
    let message = model.transcribe_parts(&[0.0; 900], &[], 1, &options).unwrap_err().to_string();
    assert_eq!(message, "language is de: wav2vec2 has no such option, leave it out");
    let whisper = open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/whisper")).unwrap();
    let options = RecognizeOptions { use_itn: Some(true), ..RecognizeOptions::default() };
    assert!(whisper.transcribe(&[0.0; 900], &options).is_err());
    assert!(whisper.scores(&[0.0; 900]).unwrap_err().to_string().contains("give tokens"));
}

/// Hears a part as one word in its middle third, whose text is how long it is.
struct Lengths;

impl Recognize for Lengths {
    fn name(&self) -> &'static str {
        "lengths"
    }

    fn options(&self) -> &'static [&'static str] {
        &[]
    }

    fn longest(&self) -> usize {
        160_000
    }

    fn recognize(&self, samples: &[f32], _: &RecognizeOptions) -> mlx_audio::Result<Vec<Segment>> {
        let third = samples.len() as f64 / 48_000.0;
        let text = format!(" {}", samples.len());
        Ok(vec![Segment { start: third, end: 2.0 * third, text, ..Segment::default() }])
    }

    fn hidden(&self, _: &[f32]) -> mlx_audio::Result<Array> {
        Ok(Array::zeros([1, 1], mlx_core::Dtype::Float32)?)
    }
}

/// Half a minute with pauses at 7 and 16 seconds.
fn long() -> Vec<f32> {
    let mut sound = vec![0.25; 480_000];
    sound[110_000..116_000].fill(0.0);
    sound[253_000..259_000].fill(0.0);
    sound
}

#[test]
fn long_sound_is_cut_where_it_is_quiet_and_times_go_on() {
    let (recognizer, sound) = (Recognizer::Other(Box::new(Lengths)), long());
    let mut transcription = recognizer.transcription(&sound[..], &RecognizeOptions::default()).unwrap();
    assert_eq!((transcription.duration(), transcription.position()), (30.0, 0.0));
    let first = transcription.next().unwrap().unwrap();
    assert!(transcription.position() < 8.0);
    let mut segments = vec![first];
    segments.extend(transcription.by_ref().map(Result::unwrap));
    assert_eq!(transcription.position(), 30.0);
    let lengths: Vec<usize> = segments.iter().map(|segment| segment.text.trim().parse().unwrap()).collect();
    assert_eq!(lengths.iter().sum::<usize>(), 480_000);
    let mut begin = 0;
    for (segment, length) in segments.iter().zip(&lengths) {
        assert!(
            (segment.start - (begin as f64 + *length as f64 / 3.0) / 16_000.0).abs() < 1e-9,
            "{segment:?}"
        );
        begin += length;
    }
    let cuts = [lengths[0], lengths[0] + lengths[1]];
    assert!((110_000..116_000).contains(&cuts[0]) && (253_000..259_000).contains(&cuts[1]), "{cuts:?}");
    let whole = recognizer.transcribe(&sound, &RecognizeOptions::default()).unwrap();
    assert_eq!(whole.segments, segments);
}

#[test]
fn a_file_is_heard_as_its_samples_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("long.wav");
    let mut writer = WavWriter::create(&path, 1, 16_000, WavFormat::F32).unwrap();
    writer.write(&long()).unwrap();
    writer.finish().unwrap();
    let recognizer = Recognizer::Other(Box::new(Lengths));
    let options = RecognizeOptions::default();
    let of_file = recognizer.transcription(path.as_path(), &options).unwrap().finish().unwrap();
    assert_eq!(of_file, recognizer.transcribe(&long(), &options).unwrap());
    let none = folder.path().join("none.wav");
    assert!(recognizer.transcription(none.as_path(), &options).is_err());
}

#[test]
fn parts_in_which_someone_speaks_are_heard_in_their_place() {
    let recognizer = Recognizer::Other(Box::new(Lengths));
    let parts = [16_000..48_000, 200_000..500_000, 900_000..950_000];
    let found = recognizer.transcribe_parts(&long(), &parts, 8, &RecognizeOptions::default()).unwrap();
    let lengths: Vec<usize> =
        found.segments.iter().map(|segment| segment.text.trim().parse().unwrap()).collect();
    assert_eq!(lengths[0], 32_000);
    assert_eq!(lengths[1..].iter().sum::<usize>(), 280_000);
    assert!((found.segments[0].start - (1.0 + 2.0 / 3.0)).abs() < 1e-9);
    assert!(found.segments[1].start > 12.5);
    let edges: Vec<f64> = found.segments.iter().flat_map(|segment| [segment.start, segment.end]).collect();
    assert!(edges.is_sorted(), "{edges:?}");
}

#[test]
fn silence_is_not_heard_and_nothing_is_nothing() {
    let recognizer = Recognizer::Other(Box::new(Lengths));
    for sound in [vec![], vec![0.0; 40_000], vec![f32::NAN; 40_000]] {
        let found = recognizer.transcribe(&sound, &RecognizeOptions::default()).unwrap();
        assert_eq!((found.segments.len(), found.text.as_str()), (0, ""));
    }
}

#[test]
fn long_recordings_of_real_models_have_times_in_order() {
    let sound = sound(100 * 16_000, 0);
    let options = RecognizeOptions { word_timestamps: true, ..RecognizeOptions::default() };
    for name in ["nemo-tdt", "nemo-ctc", "parakeet-tdt", "parakeet-ctc"] {
        let found = open(&folder(name)).unwrap().transcribe(&sound, &options).unwrap();
        let edges: Vec<f64> =
            found.segments.iter().flat_map(|segment| [segment.start, segment.end]).collect();
        assert!(
            edges.is_sorted() && edges.iter().all(|edge| (0.0..=100.0).contains(edge)),
            "{name}: {edges:?}"
        );
        assert!(edges.last().is_some_and(|last| *last > 61.0), "{name}: {edges:?}");
        let words = found.segments.iter().flat_map(|segment| &segment.words);
        let edges: Vec<f64> = words.flat_map(|word| [word.start, word.end]).collect();
        assert!(edges.is_sorted() && edges.len() > 2, "{name}: {edges:?}");
    }
}
