//! Real vocabularies, read from GGUF files that `cargo xtask assets` fetches.

use std::{collections::BTreeMap, fs};

use mlx_text::{ChatOptions, GgufVocab, Message, Tokenizer};
use serde_json::Value;

use crate::fixture;

/// The tokenizer of a GGUF file, or `None` with a word on why the test is skipped.
fn tokenizer(group: &str, name: &str) -> Option<Tokenizer> {
    let file = fs::read(mlx_testkit::assets::find(group, name)?).unwrap();
    Some(Tokenizer::from_gguf(&vocab(&metadata(&file))).unwrap())
}

fn vocab(fields: &BTreeMap<String, Value>) -> GgufVocab {
    let list = |key: &str| fields.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let strings = |key: &str| list(key).iter().map(|v| v.as_str().unwrap().to_owned()).collect();
    let id = |key: &str| fields.get(key).map(|v| v.as_u64().unwrap() as u32);
    let flag = |key: &str| fields.get(key).and_then(Value::as_bool);
    GgufVocab {
        model: text("tokenizer.ggml.model").unwrap(),
        pre: text("tokenizer.ggml.pre"),
        tokens: strings("tokenizer.ggml.tokens"),
        token_types: list("tokenizer.ggml.token_type").iter().map(|v| v.as_i64().unwrap() as i32).collect(),
        scores: list("tokenizer.ggml.scores").iter().map(|v| v.as_f64().unwrap() as f32).collect(),
        merges: strings("tokenizer.ggml.merges"),
        bos: id("tokenizer.ggml.bos_token_id"),
        eos: id("tokenizer.ggml.eos_token_id"),
        unk: id("tokenizer.ggml.unknown_token_id"),
        pad: id("tokenizer.ggml.padding_token_id"),
        add_bos: flag("tokenizer.ggml.add_bos_token"),
        add_eos: flag("tokenizer.ggml.add_eos_token"),
        add_space_prefix: flag("tokenizer.ggml.add_space_prefix"),
        chat_template: text("tokenizer.chat_template"),
    }
}

/// The metadata of a GGUF v3 file: just enough of a reader for a test.
fn metadata(file: &[u8]) -> BTreeMap<String, Value> {
    let mut reader = Reader(&file[16..]);
    let count = reader.number::<8>();
    (0..count)
        .map(|_| {
            let key = reader.string();
            let kind = reader.number::<4>();
            (key, reader.value(kind))
        })
        .collect()
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> &[u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn number<const N: usize>(&mut self) -> u64 {
        self.take(N).iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
    }

    fn string(&mut self) -> String {
        let length = self.number::<8>() as usize;
        String::from_utf8(self.take(length).to_vec()).unwrap()
    }

    fn value(&mut self, kind: u64) -> Value {
        match kind {
            0 => self.number::<1>().into(),
            2 => self.number::<2>().into(),
            4 => self.number::<4>().into(),
            5 => (self.number::<4>() as u32 as i32).into(),
            6 => f32::from_bits(self.number::<4>() as u32).into(),
            7 => (self.number::<1>() != 0).into(),
            8 => self.string().into(),
            9 => {
                let kind = self.number::<4>();
                (0..self.number::<8>()).map(|_| self.value(kind)).collect()
            }
            10 | 12 => self.number::<8>().into(),
            _ => panic!("unknown kind {kind}"),
        }
    }
}

fn check_ids(name: &str, tokenizer: &Tokenizer) {
    let reference: BTreeMap<String, Value> = fixture("real.json");
    let texts: Vec<String> = serde_json::from_value(reference["texts"].clone()).unwrap();
    let expected: Vec<Vec<u32>> = serde_json::from_value(reference[name].clone()).unwrap();
    for (text, ids) in texts.iter().zip(expected) {
        assert_eq!(tokenizer.encode(text, false).unwrap(), ids, "{text:?}");
        assert_eq!(&tokenizer.decode(&ids, true).unwrap(), text);
    }
}

#[test]
fn smollm2_gives_the_ids_of_the_reference() {
    let Some(tokenizer) = tokenizer("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    check_ids("SmolLM2-135M-Instruct.Q4_1.gguf", &tokenizer);
    assert_eq!(tokenizer.encode("The capital of France is", true).unwrap(), [504, 3575, 282, 4649, 314]);
    let code = tokenizer.encode("def fibonacci(n):\n", true).unwrap();
    assert_eq!(code, [1604, 3987, 46477, 24, 94, 727, 198]);
    assert_eq!(tokenizer.eos(), [2]);
    assert_eq!(tokenizer.vocab_size(), 49152);
}

#[test]
fn smollm2_writes_the_chat_of_the_reference() {
    let Some(tokenizer) = tokenizer("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf") else { return };
    let messages = [Message::user("What is the capital of France?")];
    let ids = tokenizer.encode_chat(&messages, &ChatOptions::default()).unwrap();
    assert_eq!(
        ids,
        [
            1, 9690, 198, 2683, 359, 253, 5356, 5646, 11173, 3365, 3511, 308, 34519, 28, 7018, 411, 407,
            19712, 8182, 2, 198, 1, 4093, 198, 1780, 314, 260, 3575, 282, 4649, 47, 2, 198, 1, 520, 9531,
            198
        ]
    );
}

#[test]
fn gemma3_gives_the_ids_of_sentence_piece() {
    let Some(tokenizer) = tokenizer("gemma3", "gemma-3-270m-q4_k_m.gguf") else { return };
    check_ids("gemma-3-270m-q4_k_m.gguf", &tokenizer);
    let ids = tokenizer.encode("1, 2, 3", true).unwrap();
    assert_eq!(ids, [2, 236770, 236764, 236743, 236778, 236764, 236743, 236800]);
}
