//! Texts made comparable, and what differs between them, against Whisper's normalisers and jiwer.

use std::collections::HashMap;
use std::fs;

use mlx_audio::score::{
    BasicNormalizer, EnglishNormalizer, Errors, character_error_rate, normalize, word_error_rate,
};
use serde::Deserialize;

use crate::recordings::golden;

#[derive(Deserialize)]
struct Golden {
    spellings: HashMap<String, String>,
    english: Vec<[String; 2]>,
    /// A text as it is, with letters split, without marks, and both.
    basic: Vec<[String; 5]>,
    /// What was said and heard, and the errors for each word and each character.
    rates: Vec<(String, String, f64, f64)>,
}

fn reference() -> Golden {
    serde_json::from_str(&fs::read_to_string(golden("score/texts.json")).unwrap()).unwrap()
}

#[test]
fn english_texts_are_compared_as_whisper_compares_them() {
    let Golden { spellings, english, .. } = reference();
    let normalizer = EnglishNormalizer::with_spellings(spellings);
    let wrong: Vec<_> = english
        .iter()
        .map(|[text, expected]| (text, normalizer.normalize(text), expected))
        .filter(|(_, found, expected)| found != *expected)
        .collect();
    assert!(wrong.is_empty(), "{} of {}: {wrong:#?}", wrong.len(), english.len());
}

#[test]
fn other_texts_are_compared_as_whisper_compares_them() {
    for [text, expected @ ..] in reference().basic {
        let ways = [(false, false), (false, true), (true, false), (true, true)];
        let found = ways.map(|(remove_diacritics, split_letters)| {
            BasicNormalizer { remove_diacritics, split_letters }.normalize(&text)
        });
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn british_spellings_stay_as_they_are_unless_others_are_given() {
    assert_eq!(EnglishNormalizer::default().normalize("Grey colours!"), "grey colours");
}

#[test]
fn letters_are_compared_where_words_have_no_spaces() {
    assert_eq!(normalize("你好，世界", "zh"), "你 好 世 界");
    assert_eq!(normalize("Grüß Gott!", "de"), "grüß gott");
    assert_eq!(normalize("mal(so)rum()", "de"), "malrum");
    assert_eq!(normalize("so()rum", "de"), "so rum");
    assert_eq!(normalize("Mr. Hall's forty-second", "en"), "mister hall is 42nd");
}

#[test]
fn rates_of_errors_are_those_of_jiwer() {
    for (said, heard, words, characters) in reference().rates {
        let found = [word_error_rate(&said, &heard), character_error_rate(&said, &heard)];
        for (found, expected) in found.into_iter().zip([words, characters]) {
            assert!((found - expected).abs() < 1e-12, "`{said}` `{heard}`: {found}, not {expected}");
        }
    }
}

#[test]
fn errors_are_told_apart_and_add_up() {
    let first = Errors::of_words("a b c d", "a x c d e f");
    assert_eq!(first, Errors { substitutions: 1, deletions: 0, insertions: 2, length: 4 });
    let second = Errors::of_words("a b c", "b");
    assert_eq!(second, Errors { substitutions: 0, deletions: 2, insertions: 0, length: 3 });
    let both: Errors = [first, second].into_iter().sum();
    assert_eq!((both.count(), both.length), (5, 7));
    assert!((both.rate() - 5.0 / 7.0).abs() < 1e-12);
}
