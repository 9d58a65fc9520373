//! SentencePiece BPE from GGUF scores, against SentencePiece itself.

use mlx_text::{GgufVocab, Tokenizer};
use serde::Deserialize;

use crate::fixture;

#[derive(Deserialize)]
struct Reference {
    tokens: Vec<String>,
    scores: Vec<f32>,
    types: Vec<i32>,
    cases: Cases,
}

#[derive(Deserialize)]
struct Cases {
    prefix: Vec<(String, Vec<u32>, String)>,
    plain: Vec<(String, Vec<u32>, String)>,
}

fn build(reference: &Reference, prefix: Option<bool>) -> Tokenizer {
    let vocab = GgufVocab {
        model: "llama".into(),
        tokens: reference.tokens.clone(),
        token_types: reference.types.clone(),
        scores: reference.scores.clone(),
        add_space_prefix: prefix,
        ..GgufVocab::default()
    };
    Tokenizer::from_gguf(&vocab).unwrap()
}

/// The tokenizer that most `llama` files ask for.
pub(crate) fn tokenizer() -> Tokenizer {
    build(&fixture("sentence_piece.json"), None)
}

#[test]
fn ids_and_texts_are_those_of_sentence_piece() {
    let reference: Reference = fixture("sentence_piece.json");
    for (tokenizer, cases) in [
        (build(&reference, None), &reference.cases.prefix),
        (build(&reference, Some(false)), &reference.cases.plain),
    ] {
        for (text, ids, decoded) in cases {
            assert_eq!(&tokenizer.encode(text, false).unwrap(), ids, "{text:?}");
            assert_eq!(&tokenizer.decode(ids, false).unwrap(), decoded, "{text:?}");
        }
    }
}

#[test]
fn text_begins_with_bos_and_control_tokens_are_special() {
    let tokenizer = tokenizer();
    assert_eq!(tokenizer.bos(), Some(1));
    assert_eq!(tokenizer.eos(), [2]);
    let turn = tokenizer.id("<turn>").unwrap();
    let ids = tokenizer.encode("<turn><tool>", true).unwrap();
    assert_eq!(ids, [1, turn, tokenizer.id("<tool>").unwrap()]);
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "<tool>");
}

#[test]
fn the_space_prefix_is_put_before_each_stretch_of_text() {
    let tokenizer = tokenizer();
    let encode = |text| tokenizer.encode(text, false).unwrap();
    let tool = tokenizer.id("<tool>").unwrap();
    assert_eq!(encode("a<tool>a"), [encode("a"), vec![tool], encode("a")].concat());
    assert_eq!(tokenizer.token(encode("a")[0]).unwrap(), "▁a");
}

#[test]
fn a_stray_byte_does_not_harm_the_characters_beside_it() {
    let tokenizer = tokenizer();
    let bytes = |text: &[u8]| -> Vec<u32> {
        text.iter().map(|byte| tokenizer.id(&format!("<0x{byte:02X}>")).unwrap()).collect()
    };
    assert_eq!(tokenizer.decode(&bytes(b"\xE2\x82\xAC\xFF\xE2\x82\xACa"), false).unwrap(), "€\u{FFFD}€a");
    assert_eq!(tokenizer.decode(&bytes(b" a "), false).unwrap(), "a ");
}
