//! Files that are missing or broken: one clear error each.

use std::{fs, path::Path};

use mlx_text::{ChatOptions, GgufVocab, Message, Tokenizer};

use crate::{byte_level, data, fixture, sentence_piece};

fn error_with(name: &str, content: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::copy(data("byte_level/tokenizer.json"), dir.path().join("tokenizer.json")).unwrap();
    fs::write(dir.path().join(name), content).unwrap();
    let message = Tokenizer::from_dir(dir.path()).unwrap_err().to_string();
    assert!(!message.contains('\n'), "{message}");
    assert!(message.contains(name), "{message}");
    message
}

fn vocab_error(change: impl FnOnce(&mut GgufVocab)) -> String {
    let mut vocab = byte_level::vocab("gpt-2");
    change(&mut vocab);
    Tokenizer::from_gguf(&vocab).unwrap_err().to_string()
}

#[test]
fn a_folder_without_a_tokenizer_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let message = Tokenizer::from_dir(dir.path()).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("no tokenizer.json in {}: download", dir.path().display())),
        "{message}"
    );
    let message = Tokenizer::from_file(Path::new("nowhere/tokenizer.json")).unwrap_err().to_string();
    assert!(message.starts_with("cannot read nowhere/tokenizer.json: "), "{message}");
}

#[test]
fn broken_files_are_named() {
    assert!(error_with("tokenizer.json", "{").contains("not a tokenizer.json: "));
    assert!(error_with("tokenizer_config.json", "{\n\"a\"").contains("line 2"));
    assert!(error_with("special_tokens_map.json", "[").contains("EOF"));
    assert!(
        error_with("tokenizer_config.json", r#"{"chat_template": 3}"#).contains("chat_template is neither")
    );
}

#[test]
fn merges_that_do_not_fit_the_vocabulary_are_an_error() {
    let mut file: serde_json::Value = fixture("byte_level/tokenizer.json");
    let longest = "x".repeat(500);
    file["model"]["merges"][0] = serde_json::json!([longest, longest]);
    file["model"]["vocab"][&longest] = serde_json::json!(5000);
    assert!(error_with("tokenizer.json", &file.to_string()).contains("its merges do not fit"));
}

#[test]
fn contradictions_in_a_gguf_vocabulary_are_named() {
    for (message, expected) in [
        (vocab_error(|v| v.tokens.clear()), "gguf vocabulary: no tokens"),
        (
            vocab_error(|v| v.model = "bert".into()),
            "gguf vocabulary: unknown tokenizer model 'bert': known are gpt2 and llama",
        ),
        (
            vocab_error(|v| v.token_types = vec![1]),
            "gguf vocabulary: token_type has 1 entries for 761 tokens",
        ),
        (vocab_error(|v| v.token_types[9] = 7), "gguf vocabulary: unknown token_type 7: known are 1 to 6"),
        (
            vocab_error(|v| v.eos = Some(999)),
            "gguf vocabulary: eos_token_id is 999, but there are 761 tokens",
        ),
        (
            vocab_error(|v| v.merges[0] = "ab".into()),
            "gguf vocabulary: merge 'ab' is not two tokens with a space between",
        ),
        (
            vocab_error(|v| v.merges[0] = "a ☃".into()),
            "gguf vocabulary: merge 'a ☃' needs '☃', which is not a token",
        ),
        (
            vocab_error(|v| v.model = "llama".into()),
            "gguf vocabulary: a llama vocabulary needs tokenizer.ggml.scores",
        ),
    ] {
        assert_eq!(message, expected);
    }
    assert!(vocab_error(|v| v.pre = Some("nonsense".into())).contains("unknown pre-tokenizer 'nonsense'"));
}

#[test]
fn what_is_saved_is_read_again() {
    let vocab = GgufVocab {
        bos: Some(0),
        add_bos: Some(true),
        add_eos: Some(true),
        chat_template: Some("{{ bos_token }}{{ messages[0].content }}".into()),
        ..byte_level::vocab("gpt-2")
    };
    let text = "Été \u{1f600}  <|im_start|> x\n\n1234";
    for before in [Tokenizer::from_gguf(&vocab).unwrap(), sentence_piece::tokenizer()] {
        let dir = tempfile::tempdir().unwrap();
        before.save(dir.path()).unwrap();
        let after = Tokenizer::from_dir(dir.path()).unwrap();
        for special in [true, false] {
            let ids = before.encode(text, special).unwrap();
            assert_eq!(after.encode(text, special).unwrap(), ids);
            assert_eq!(after.decode(&ids, true).unwrap(), before.decode(&ids, true).unwrap());
        }
        assert_eq!((after.bos(), after.eos()), (before.bos(), before.eos()));
        let chat = |tokenizer: &Tokenizer| {
            tokenizer.encode_chat(&[Message::user("hi")], &ChatOptions::default()).ok()
        };
        assert_eq!(chat(&after), chat(&before));
    }
    let message = Tokenizer::from_gguf(&vocab).unwrap().save("no/such/folder").unwrap_err().to_string();
    assert!(message.starts_with("cannot write no/such/folder/tokenizer.json: "), "{message}");
}

#[test]
fn a_vocabulary_without_line_breaks_spells_them_as_its_tokenizer_class_says() {
    let mut file: serde_json::Value = fixture("byte_level/tokenizer.json");
    let token = serde_json::json!({
        "id": 761, "content": "<n>", "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": false,
    });
    file["added_tokens"].as_array_mut().unwrap().push(token);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("tokenizer.json"), file.to_string()).unwrap();
    let plain = Tokenizer::from_dir(dir.path()).unwrap();
    fs::write(dir.path().join("tokenizer_config.json"), r#"{"tokenizer_class": "NewlineTokenizer"}"#)
        .unwrap();
    let tokenizer = Tokenizer::from_dir(dir.path()).unwrap();

    let ids = tokenizer.encode("a\n\nü", false).unwrap();
    assert_eq!(ids, plain.encode("a<n><n>ü", false).unwrap());
    assert_eq!(ids, [67, 761, 761, 130, 123], "the ids of mlx-lm");
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), "a\n\nü");
    assert_eq!(plain.decode(&ids, true).unwrap(), "a<n><n>ü");
}
