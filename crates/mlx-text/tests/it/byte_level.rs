//! Byte-level BPE: ids of every pre-tokenizer, special tokens, broken characters.

use std::collections::BTreeMap;

use mlx_text::{GgufVocab, Tokenizer};
use serde::Deserialize;
use serde_json::Value;

use crate::{data, fixture};

#[derive(Deserialize)]
struct Reference {
    texts: Vec<String>,
    pre: BTreeMap<String, Vec<Vec<u32>>>,
    special: Special,
    decoded: Vec<(Vec<u32>, String)>,
}

#[derive(Deserialize)]
struct Special {
    text: String,
    ids: Vec<u32>,
    skipped: String,
}

/// The vocabulary of `byte_level/tokenizer.json` as a GGUF file would hold it.
pub(crate) fn vocab(pre: &str) -> GgufVocab {
    let file: Value = fixture("byte_level/tokenizer.json");
    let mut tokens: BTreeMap<u64, String> = file["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(t, id)| (id.as_u64().unwrap(), t.clone()))
        .collect();
    let mut kinds: BTreeMap<u64, i32> = tokens.keys().map(|&id| (id, 1)).collect();
    for added in file["added_tokens"].as_array().unwrap() {
        let id = added["id"].as_u64().unwrap();
        tokens.insert(id, added["content"].as_str().unwrap().to_owned());
        kinds.insert(id, if added["special"] == true { 3 } else { 4 });
    }
    let merges = file["model"]["merges"].as_array().unwrap();
    GgufVocab {
        model: "gpt2".into(),
        pre: Some(pre.into()),
        tokens: tokens.into_values().collect(),
        token_types: kinds.into_values().collect(),
        merges: merges
            .iter()
            .map(|m| format!("{} {}", m[0].as_str().unwrap(), m[1].as_str().unwrap()))
            .collect(),
        eos: Some(2),
        ..GgufVocab::default()
    }
}

#[test]
fn every_pre_tokenizer_gives_the_ids_of_the_reference() {
    let reference: Reference = fixture("byte_level.json");
    assert_eq!(reference.pre.len(), 13);
    for (pre, expected) in &reference.pre {
        let tokenizer = Tokenizer::from_gguf(&vocab(pre)).unwrap();
        for (text, ids) in reference.texts.iter().zip(expected) {
            assert_eq!(&tokenizer.encode(text, false).unwrap(), ids, "{pre}: {text:?}");
        }
    }
}

#[test]
fn a_tokenizer_json_gives_the_ids_of_the_reference_and_its_text_back() {
    let reference: Reference = fixture("byte_level.json");
    let tokenizer = Tokenizer::from_dir(data("byte_level")).unwrap();
    for (text, ids) in reference.texts.iter().zip(&reference.pre["gpt-2"]) {
        assert_eq!(&tokenizer.encode(text, true).unwrap(), ids, "{text:?}");
        assert_eq!(&tokenizer.decode(ids, false).unwrap(), text);
    }
}

#[test]
fn special_tokens_in_a_text_become_their_ids_and_can_be_skipped() {
    let Special { text, ids, skipped } = fixture::<Reference>("byte_level.json").special;
    for tokenizer in
        [Tokenizer::from_dir(data("byte_level")).unwrap(), Tokenizer::from_gguf(&vocab("gpt-2")).unwrap()]
    {
        assert_eq!(tokenizer.encode(&text, false).unwrap(), ids);
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), skipped);
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), text);
        let think = tokenizer.id("<think>").unwrap();
        assert!(!tokenizer.is_special(think) && tokenizer.is_special(1));
    }
}

#[test]
fn bytes_that_are_no_text_decode_as_in_the_reference() {
    let tokenizer = Tokenizer::from_dir(data("byte_level")).unwrap();
    let reference: Reference = fixture("byte_level.json");
    assert!(reference.decoded.iter().any(|(_, text)| text.contains('\u{FFFD}')));
    for (ids, text) in reference.decoded {
        assert_eq!(tokenizer.decode(&ids, false).unwrap(), text, "{ids:?}");
    }
}

#[test]
fn the_folder_names_the_special_tokens() {
    let tokenizer = Tokenizer::from_dir(data("byte_level")).unwrap();
    assert_eq!(tokenizer.bos(), None);
    assert_eq!(tokenizer.eos(), [2], "tokenizer_config.json wins over special_tokens_map.json");
    assert_eq!(tokenizer.clone().with_eos(&[0, 2]).eos(), [2, 0]);
    assert_eq!(tokenizer.token(1).as_deref(), Some("<|im_start|>"));
    assert_eq!(tokenizer.token(99_999), None);
    assert_eq!(tokenizer.vocab_size(), 761);
}

#[test]
fn llama3_vocabularies_begin_with_bos_unless_told_otherwise() {
    let begins = |pre, add_bos| {
        let vocab = GgufVocab { bos: Some(0), add_bos, add_eos: Some(true), ..vocab(pre) };
        let ids = Tokenizer::from_gguf(&vocab).unwrap().encode("a", true).unwrap();
        assert_eq!(ids.last(), Some(&2));
        ids[0] == 0
    };
    assert!(begins("llama-bpe", None));
    assert!(!begins("llama-bpe", Some(false)));
    assert!(!begins("gpt-2", None));
    assert!(begins("gpt-2", Some(true)));
}

#[test]
fn llama3_takes_a_word_that_is_a_token_whole_without_a_merge() {
    let ids = |pre: &str| {
        let tokens = ["h", "i", "hi"].map(String::from).into();
        let vocab = GgufVocab { model: "gpt2".into(), pre: Some(pre.into()), tokens, ..GgufVocab::default() };
        Tokenizer::from_gguf(&vocab).unwrap().encode("hi", false).unwrap()
    };
    assert_eq!(ids("llama-bpe"), [2]);
    assert_eq!(ids("gpt-2"), [0, 1]);
}
