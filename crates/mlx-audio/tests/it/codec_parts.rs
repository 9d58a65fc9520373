//! Codecs in parts: codes and audio are those of the whole.

use std::collections::BTreeMap;

use mlx_audio::codec::{self, Codec, Codes, Options};
use mlx_audio::mlx_core::{Array, concatenate};
use mlx_testkit::relative_rms;

use crate::codecs::{arrays, books, config};
use crate::sounds::{noise, tone};

fn build(name: &str, arrays: BTreeMap<String, Array>) -> Box<dyn Codec> {
    codec::build(&config(name), arrays).unwrap()
}

fn sound(length: usize) -> Vec<f32> {
    let tone = tone(length, 61.0, 800.0);
    noise(length, 8).into_iter().zip(tone).map(|(noise, tone)| 0.4 * noise + 0.6 * tone).collect()
}

fn array(samples: &[f32]) -> Array {
    Array::from_slice(samples, [samples.len() as i32]).unwrap()
}

fn numbers(codes: &Codes) -> Vec<Vec<i32>> {
    codes.rates().iter().map(|codes| codes.to_vec::<i32>().unwrap()).collect()
}

/// Codes one behind the other.
fn joined(parts: &[Codes]) -> Codes {
    let rate = |at: usize| concatenate(parts.iter().map(|codes| &codes.rates()[at]), 1).unwrap();
    Codes::of_rates((0..parts[0].rates().len()).map(rate).collect())
}

/// Encodes and decodes in parts of so many samples, twice with one stream, and gives how many parts had codes.
#[track_caller]
fn compare(what: &str, codec: &dyn Codec, options: Options, length: usize, part: usize) -> usize {
    let samples = sound(length);
    let whole = codec.encode(&array(&samples), options).unwrap();
    let decoded = codec.decode(&whole).unwrap();
    let mut stream = codec.stream(options).unwrap();
    let mut count = 0;
    for time in 0..2 {
        let mut found = Vec::new();
        for part in samples.chunks(part) {
            found.extend(stream.encode(&array(part)).unwrap());
        }
        count = found.len();
        found.extend(stream.finish().unwrap());
        assert_eq!(numbers(&joined(&found)), numbers(&whole), "{what} in parts of {part}, time {time}");
        let mut heard = Vec::new();
        for codes in &found {
            heard.extend(stream.decode(codes).unwrap());
        }
        heard.extend(stream.finish_decoding().unwrap());
        let heard = concatenate(&heard, 0).unwrap().index(..length as i32).unwrap();
        let (heard, decoded) = (heard.to_vec::<f32>().unwrap(), decoded.to_vec::<f32>().unwrap());
        let error = relative_rms(&heard, &decoded);
        assert!(error < 1e-5, "{what} in parts of {part}, time {time}: {error:e}");
    }
    count
}

#[test]
fn encodec_in_parts_is_the_whole() {
    let codec = build("encodec", arrays("encodec"));
    let options = Options { bandwidth: Some(1.6), ..Options::default() };
    for (length, part) in
        [(1, 1), (173, 1), (173, 7), (173, 24), (173, 100), (500, 131), (96, 96), (84, 84), (83, 83)]
    {
        compare("encodec", codec.as_ref(), options, length, part);
    }
    assert!(compare("encodec", codec.as_ref(), options, 500, 100) > 3);
}

#[test]
fn an_encodec_that_looks_ahead_has_no_parts() {
    let codec = build("encodec-stereo", arrays("encodec-stereo"));
    let message = codec.stream(Options::default()).err().unwrap().to_string();
    assert!(message.contains("cannot be run in parts"), "{message}");
}

#[test]
fn mimi_begins_anew_behind_its_end() {
    let codec = build("mimi", arrays("mimi"));
    for part in [24, 100] {
        compare("mimi", codec.as_ref(), books("3"), 300, part);
    }
}

#[test]
fn dac_in_parts_is_the_whole() {
    let codec = build("dac", arrays("dac"));
    for (length, part) in [(1, 1), (173, 50), (20_003, 999), (20_000, 20_000)] {
        let count = compare("dac", codec.as_ref(), books("2"), length, part);
        assert_eq!(count > 0, length > 10_000);
    }
}

/// The arrays of a SNAC whose noise is silent.
fn silent(name: &str) -> BTreeMap<String, Array> {
    let silence = |(key, array): (String, Array)| match key.contains(".linear.") && key.ends_with("original0")
    {
        true => (key, (array * 0.0).unwrap()),
        false => (key, array),
    };
    arrays(name).into_iter().map(silence).collect()
}

#[test]
fn snac_in_parts_is_the_whole() {
    let codec = build("snac", silent("snac"));
    for (length, part) in [(1, 1), (173, 50), (20_003, 999), (20_000, 20_000)] {
        let count = compare("snac", codec.as_ref(), Options::default(), length, part);
        assert_eq!(count > 0, length > 10_000);
    }
}

#[test]
fn codes_that_are_not_of_the_codec_are_refused_in_parts_too() {
    for name in ["encodec", "dac", "mimi"] {
        let codec = build(name, arrays(name));
        let mut stream = codec.stream(Options::default()).unwrap();
        let two = Codes::of_rates(vec![Array::from([[1]]), Array::from([[1]])]);
        assert!(stream.decode(&two).err().unwrap().to_string().contains("rates of codes"), "{name}");
        let refused = |codes: Codes| {
            let mut stream = codec.stream(Options::default()).unwrap();
            let error = stream.decode(&codes).err().or_else(|| stream.finish_decoding().err());
            error.unwrap().to_string()
        };
        assert!(refused(Codes::new(Array::from([[1, 16]]))).contains("code is 16"), "{name}");
        assert!(refused(Codes::new(Array::from([1, 2]))).contains("shape of codes"), "{name}");
    }
}
