//! Moonshine against transformers, its layouts, and what it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use mlx_audio::mlx_core::{Array, Dtype, concatenate, io};
use mlx_audio::mlx_hub::Source;
use mlx_audio::moonshine::{Moonshine, Options};
use mlx_audio::{RecognizeOptions, Recognizer};
use mlx_testkit::{Golden, Tolerance, assert_close, relative_rms};
use serde_json::{Value, json};

use crate::sounds::growing_tones;

const CLOSE: f64 = 1e-4;

/// The lengths of the recordings of the golden data.
const SAMPLES: [usize; 3] = [36_800, 16_000, 9000];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/moonshine")
}

fn golden() -> Golden {
    Golden::open(folder().join("expected.safetensors"))
}

fn load(path: &Path) -> Moonshine {
    Moonshine::load(&Source::path(path), Some(Dtype::Float32)).unwrap()
}

fn sounds() -> Vec<Vec<f32>> {
    SAMPLES.iter().zip([200.0, 330.0, 460.0]).map(|(&samples, pitch)| growing_tones(samples, pitch)).collect()
}

fn numbers(array: &Array) -> Vec<f32> {
    array.to_vec().unwrap()
}

#[test]
fn states_and_scores_are_those_of_transformers() {
    let (model, golden) = (load(&folder()), golden());
    let tokens = golden.u32("tokens");
    for (at, sound) in sounds().iter().enumerate() {
        let hidden = model.hidden(sound).unwrap();
        let error = relative_rms(&numbers(&hidden), &golden.f32(&format!("hidden.{at}")));
        assert!(error < CLOSE, "hidden {at}: {error:e}");
        let expected = golden.f32(&format!("logits.{at}"));
        let whole = numbers(&model.hear(&[sound]).unwrap().logits(&[&tokens]).unwrap());
        let error = relative_rms(&whole, &expected);
        assert!(error < CLOSE, "logits {at}: {error:e}");
        let mut hearing = model.hear(&[sound]).unwrap();
        let (first, rest) = tokens.split_at(3);
        let mut steps = vec![hearing.logits(&[first]).unwrap()];
        steps.extend(rest.iter().map(|token| hearing.logits(&[std::slice::from_ref(token)]).unwrap()));
        let steps = numbers(&concatenate(&steps, 1).unwrap());
        assert_close(&steps, &whole, Tolerance::F32);
    }
}

/// transformers' own group norm sees the padding of a batch, so that a recording is not the same with others.
#[test]
fn recordings_in_a_batch_are_as_if_alone() {
    let (model, golden, sounds) = (load(&folder()), golden(), sounds());
    let recordings: Vec<&[f32]> = sounds.iter().map(Vec::as_slice).collect();
    let tokens = golden.u32("tokens");
    let mut hearing = model.hear(&recordings).unwrap();
    let (first, rest) = tokens.split_at(2);
    let mut steps = vec![hearing.logits(&[first; 3]).unwrap()];
    // One token for each of several recordings: the rotation of these has gone wrong elsewhere.
    steps.extend(rest.iter().map(|&token| hearing.logits(&[&[token][..]; 3]).unwrap()));
    let steps = concatenate(&steps, 1).unwrap();
    for at in 0..3 {
        let found = numbers(&steps.index(at).unwrap());
        let error = relative_rms(&found, &golden.f32(&format!("logits.{at}")));
        assert!(error < CLOSE, "recording {at}: {error:e}");
    }
}

#[test]
fn texts_are_those_of_transformers() {
    let (model, golden, sounds) = (load(&folder()), golden(), sounds());
    let expected: Vec<_> = (0..3).map(|at| golden.u32(&format!("generated.{at}"))).collect();
    let mut recordings: Vec<&[f32]> = sounds.iter().map(Vec::as_slice).collect();
    for (sound, expected) in recordings.iter().zip(&expected) {
        let found = model.recognize(sound, &Options::default()).unwrap();
        assert_eq!(&found[0].tokens, expected);
        assert_eq!((found[0].start, found[0].end), (0.0, sound.len() as f64 / 16_000.0));
        assert!(found[0].avg_logprob < 0.0);
    }
    // The card's limit, and an end before it.
    assert!(expected[0].len() < 13 && expected[1].len() == 5 && expected[2].len() == 2, "{expected:?}");
    recordings.insert(1, &[]);
    let together = model.recognize_all(&recordings, &Options::default()).unwrap();
    assert_eq!(together.remove_empty(1), expected);
    let short = Options { max_tokens: Some(2) };
    assert_eq!(model.recognize(&sounds[0], &short).unwrap()[0].tokens, expected[0][..2]);
}

trait RemoveEmpty {
    /// The tokens of each, without those of one that has none.
    fn remove_empty(self, at: usize) -> Vec<Vec<u32>>;
}

impl RemoveEmpty for Vec<Vec<mlx_audio::Segment>> {
    fn remove_empty(mut self, at: usize) -> Vec<Vec<u32>> {
        assert_eq!(self.remove(at), []);
        self.into_iter().map(|segments| segments[0].tokens.clone()).collect()
    }
}

#[test]
fn a_checkpoint_of_mlx_is_read_as_one_of_transformers() {
    let copy = tempfile::tempdir().unwrap();
    let arrays: BTreeMap<_, _> = io::load_safetensors(folder().join("model.safetensors")).unwrap().arrays;
    let arrays: Vec<_> = arrays
        .iter()
        .map(|(name, array)| {
            let of_conv = name.contains("conv") && array.ndim() == 3;
            let array = if of_conv { array.transpose([0, 2, 1]).unwrap() } else { array.clone() };
            (name.replace("model.", ""), array)
        })
        .collect();
    let named = arrays.iter().map(|(name, array)| (name.as_str(), array));
    io::save_safetensors(copy.path().join("model.safetensors"), named, &BTreeMap::new()).unwrap();
    for name in ["tokenizer.json", "config.json"] {
        fs::copy(folder().join(name), copy.path().join(name)).unwrap();
    }
    let hidden = |model: Moonshine| numbers(&model.hidden(&sounds()[1]).unwrap());
    assert_close(&hidden(load(copy.path())), &hidden(load(&folder())), Tolerance::EXACT);
}

#[test]
fn sound_that_is_hardly_any_has_a_result() {
    let model = load(&folder());
    let recognize = |samples: &[f32]| model.recognize(samples, &Options::default()).unwrap();
    assert_eq!(recognize(&[]), []);
    for samples in [vec![0.5], vec![0.0; 16_000], vec![f32::NAN; 16_000], vec![f32::INFINITY; 900]] {
        assert!(recognize(&samples).iter().all(|segment| segment.end <= 1.0));
    }
    assert_eq!(model.hidden(&[0.5]).unwrap().shape(), [1, 20]);
    assert_eq!(model.hidden(&[0.5; 895 + 384]).unwrap().shape(), [2, 20]);
}

#[test]
fn what_cannot_be_is_one_clear_error() {
    let model = load(&folder());
    let long = model.recognize(&vec![0.0; 480_001], &Options::default()).unwrap_err().to_string();
    assert!(long.contains("cut it into parts"), "{long}");
    let mut hearing = model.hear(&[&[0.5; 2000], &[0.5; 1000]]).unwrap();
    let mut refused = |tokens: &[&[u32]]| hearing.logits(tokens).unwrap_err().to_string();
    assert!(refused(&[&[260], &[1]]).contains("the vocabulary has 260"));
    assert!(refused(&[&[1], &[1, 2]]).contains("as many for each of 2"));
    assert!(refused(&[&[], &[]]).contains("room for 1 to 194"));
    assert!(refused(&[&[1; 195], &[1; 195]]).contains("room for 1 to 194"));
    assert!(model.hear(&[]).is_err());
}

/// The checkpoint with a change in one of its JSON files.
fn changed(file: &str, change: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in ["tokenizer.json", "model.safetensors", "config.json"] {
        fs::copy(folder().join(name), copy.path().join(name)).unwrap();
    }
    let mut json = serde_json::from_slice(&fs::read(folder().join(file)).unwrap()).unwrap();
    change(&mut json);
    fs::write(copy.path().join(file), json.to_string()).unwrap();
    copy
}

#[test]
fn texts_end_where_the_decoder_has_no_more_places() {
    let endless = load(changed("config.json", |config| config["eos_token_id"] = 259.into()).path());
    let most = Options { max_tokens: Some(1000) };
    // transformers counts the token that every text begins with among the 194.
    assert_eq!(endless.recognize(&sounds()[2], &most).unwrap()[0].tokens.len(), 193);
    let mut hearing = endless.hear(&[&[0.5; 2000]]).unwrap();
    hearing.logits(&[&[1; 190]]).unwrap();
    let message = hearing.logits(&[&[1; 5]]).unwrap_err().to_string();
    assert_eq!(message, "tokens is 5: there is room for 1 to 4");
}

#[test]
fn half_a_minute_is_heard_whole() {
    assert_eq!(load(&folder()).hidden(&vec![0.5; 480_000]).unwrap().shape(), [1248, 20]);
}

#[test]
fn special_tokens_are_in_no_text() {
    let (model, sound) = (load(&folder()), &sounds()[0]);
    let plain = model.recognize(sound, &Options::default()).unwrap().remove(0);
    let first = plain.tokens[0];
    let with_special = changed("tokenizer.json", |tokenizer| {
        let vocabulary = tokenizer["model"]["vocab"].as_object().unwrap();
        let (text, _) = vocabulary.iter().find(|(_, id)| **id == first).unwrap();
        let token = json!({"id": first, "content": text, "special": true, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false});
        tokenizer["added_tokens"].as_array_mut().unwrap().push(token);
    });
    let special = load(with_special.path()).recognize(sound, &Options::default()).unwrap().remove(0);
    assert_eq!(special.tokens, plain.tokens);
    assert_ne!(special.text, plain.text);
}

#[test]
fn a_config_that_cannot_be_names_its_field() {
    let refused = |field: &str, value: Value| {
        let copy = changed("config.json", |config| config[field] = value);
        Moonshine::load(&Source::path(copy.path()), None).err().unwrap().to_string()
    };
    assert!(refused("hidden_size", (-1).into()).contains("hidden_size is -1"));
    assert!(refused("encoder_num_attention_heads", 3.into()).contains("cannot be shared alike"));
    assert!(refused("decoder_num_hidden_layers", 100_000.into()).contains("at most 1024"));
    assert!(refused("decoder_hidden_act", "relu".into()).contains("decoder_hidden_act is not `silu`"));
    assert!(refused("hidden_size", 40.into()).contains("encoder.conv1.weight"));
}

#[test]
fn the_door_to_all_recognizers_hears_the_same() {
    let door = Recognizer::load(&Source::path(folder()), Some(Dtype::Float32)).unwrap();
    let (model, sound) = (load(&folder()), &sounds()[0]);
    let alone = model.recognize(sound, &Options::default()).unwrap();
    let found = door.transcribe(sound, &RecognizeOptions::default()).unwrap();
    assert_eq!(found.segments[0].tokens, alone[0].tokens);
    assert_eq!(found.text, alone[0].text.trim());
    assert!(found.segments[0].text.starts_with(' '), "{found:?}");
    assert_eq!(numbers(&door.hidden(sound).unwrap()), numbers(&model.hidden(sound).unwrap()));
    let beam = RecognizeOptions { beam_size: Some(2), ..RecognizeOptions::default() };
    let refused = door.transcribe(sound, &beam).unwrap_err().to_string();
    assert_eq!(refused, "beam_size is 2: moonshine has no such option, leave it out");
}
