//! The streaming detokenizer over random ids: always whole characters, never another text.

use mlx_text::Tokenizer;

use crate::{byte_level, data, sentence_piece};

/// A small generator with a fixed seed (xorshift, Marsaglia 2003).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

fn tokenizers() -> [(&'static str, Tokenizer); 3] {
    [
        ("byte-level", Tokenizer::from_gguf(&byte_level::vocab("qwen2")).unwrap()),
        ("sentence-piece", sentence_piece::tokenizer()),
        ("word-piece", Tokenizer::from_file(data("word_piece/tokenizer.json")).unwrap()),
    ]
}

/// Streams `ids` and checks that no chunk is empty.
fn stream(tokenizer: &Tokenizer, ids: &[u32], skip_special: bool) -> String {
    let mut detokenizer = tokenizer.detokenizer(skip_special);
    let mut text = String::new();
    for &id in ids {
        if let Some(chunk) = detokenizer.push(id).unwrap() {
            assert!(!chunk.is_empty());
            text.push_str(&chunk);
        }
    }
    text.extend(detokenizer.finish());
    text
}

#[test]
fn a_stream_equals_the_decoded_whole() {
    let mut random = Random(0x5EED);
    for (name, tokenizer) in tokenizers() {
        for round in 0..400 {
            let length = random.below(60);
            let ids: Vec<u32> =
                (0..length).map(|_| random.below(tokenizer.vocab_size() + 3) as u32).collect();
            let skip = round % 2 == 0;
            assert_eq!(
                stream(&tokenizer, &ids, skip),
                tokenizer.decode(&ids, skip).unwrap(),
                "{name} {ids:?}"
            );
        }
    }
}

#[test]
fn a_whole_equals_the_reference_decoder_where_bytes_are_text() {
    let reference = tokenizers::Tokenizer::from_file(data("byte_level/tokenizer.json")).unwrap();
    let ours = Tokenizer::from_dir(data("byte_level")).unwrap();
    let mut random = Random(0xC0DE);
    for _ in 0..1000 {
        let ids: Vec<u32> = (0..random.below(40)).map(|_| random.below(764) as u32).collect();
        assert_eq!(ours.decode(&ids, false).unwrap(), reference.decode(&ids, false).unwrap(), "{ids:?}");
    }
}

#[test]
fn multilingual_text_streams_without_replacement_characters() {
    let text = "é 灯台 🙂👩‍👩‍👧🇫🇷 ชายฝั่ง \u{10FFFF} İ ß 💬\n\t“quoted” — Ⅷ";
    for (name, tokenizer) in tokenizers().into_iter().take(2) {
        let ids = tokenizer.encode(text, false).unwrap();
        let mut detokenizer = tokenizer.detokenizer(false);
        let mut streamed = String::new();
        for id in ids {
            let chunk = detokenizer.push(id).unwrap().unwrap_or_default();
            assert!(!chunk.contains('\u{FFFD}'), "{name}: {chunk:?}");
            streamed.push_str(&chunk);
        }
        assert_eq!(detokenizer.finish(), None);
        assert_eq!(streamed, text, "{name}");
    }
}

#[test]
fn unfinished_and_impossible_characters_are_not_held_back_for_ever() {
    let (_, tokenizer) = &tokenizers()[1];
    let byte = |byte: u8| tokenizer.id(&format!("<0x{byte:02X}>")).unwrap();
    let mut detokenizer = tokenizer.detokenizer(false);
    assert_eq!(detokenizer.push(byte(0xE2)).unwrap(), None);
    assert_eq!(detokenizer.push(byte(0x82)).unwrap(), None);
    assert_eq!(detokenizer.push(byte(b'a')).unwrap().as_deref(), Some("\u{FFFD}a"));
    for _ in 0..5 {
        assert_eq!(detokenizer.push(byte(0xFF)).unwrap().as_deref(), Some("\u{FFFD}"));
    }
    assert_eq!(detokenizer.push(byte(0xF0)).unwrap(), None);
    assert_eq!(detokenizer.finish().as_deref(), Some("\u{FFFD}"));
    assert_eq!(detokenizer.finish(), None);
}
