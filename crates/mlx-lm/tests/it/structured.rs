//! Texts of a given form, by a model that has learnt nothing and draws at random from what is allowed.

use std::collections::HashMap;

use mlx_core::random::Key;
use mlx_lm::sampling::{Allowed, Grammar};
use mlx_lm::structured::Grammars;
use mlx_lm::{
    BatchOptions, Config, Event, EventKind, FinishReason, GenerateOptions, LanguageModel, Model, Sampler,
    TextBatchGenerator,
};
use mlx_nn::Weights;
use mlx_text::{GgufVocab, Tokenizer};
use serde_json::{Value, json};

use crate::schema::{Dice, is_valid, random_object};
use crate::smollm2;

/// The alphabet of bytes, a few longer tokens, some of which begin or end inside a letter, and controls.
fn tokenizer() -> Tokenizer {
    let visible = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut hidden = '\u{100}'..;
    let bytes = (0..=u8::MAX).map(|byte| if visible(&byte) { byte.into() } else { hidden.next().unwrap() });
    let mut tokens: Vec<String> = bytes.map(String::from).collect();
    tokens.extend(
        ["{\"", "\":", "\",\"", "Ġ\"", "}}", "true", "nu", "ll", "na", "me", "\u{AD}\u{9F}"]
            .map(String::from),
    );
    tokens.extend(["<end>", "<turn>"].map(String::from));
    let count = tokens.len();
    let token_types = (0..count).map(|id| if id + 2 < count { 1 } else { 3 }).collect();
    let eos = Some(count as u32 - 2);
    let vocab = GgufVocab { model: "gpt2".into(), tokens, token_types, eos, ..GgufVocab::default() };
    Tokenizer::from_gguf(&vocab).unwrap()
}

fn model() -> LanguageModel {
    let tokenizer = tokenizer();
    let config = json!({
        "model_type": "llama", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "rms_norm_eps": 1e-5, "vocab_size": tokenizer.vocab_size() + 3,
        "max_position_embeddings": 4096, "tie_word_embeddings": true,
    });
    let weights = Weights::init(Key::new(3).unwrap());
    LanguageModel::new(Model::new(&Config::new(config).unwrap(), weights).unwrap(), tokenizer)
}

/// A text of the form, and why it ended.
fn text(model: &LanguageModel, grammar: Grammar, seed: u64) -> (String, FinishReason) {
    let options = GenerateOptions {
        max_tokens: 2000,
        sampler: Sampler::default().temperature(1.0).seed(seed),
        grammar: Some(grammar),
        ..GenerateOptions::default()
    };
    let pieces: Vec<_> = model.generate(&[65, 66], options).unwrap().map(Result::unwrap).collect();
    let text = pieces.iter().map(|piece| piece.text.as_str()).collect();
    (text, pieces.last().unwrap().finish.unwrap())
}

#[test]
fn whatever_is_written_under_a_random_schema_parses_and_is_valid() {
    let model = model();
    let mut dice = Dice::new(5);
    for round in 0..40 {
        let schema = random_object(&mut dice, 2);
        let (text, finish) = text(&model, model.grammars().unwrap().json_schema(&schema).unwrap(), round);
        let value: Value =
            serde_json::from_str(&text).unwrap_or_else(|why| panic!("{why}: {text} by {schema}"));
        assert!(is_valid(&schema, &value), "{value} by {schema}");
        assert_eq!(finish, FinishReason::Stop);
    }
}

/// As many as `MLX_SCHEMAS` says, each of which takes about two seconds on two cores.
#[test]
fn texts_of_a_real_model_in_a_batch_have_the_form_of_their_schemas() {
    let Some(model) = smollm2::model() else { return };
    let mut dice = Dice::new(11);
    let count = std::env::var("MLX_SCHEMAS").map_or(8, |count| count.parse().unwrap());
    let schemas: Vec<_> = (0..count).map(|_| random_object(&mut dice, 1)).collect();
    let mut batch = TextBatchGenerator::new(&model, BatchOptions::default()).unwrap();
    let mut texts = HashMap::new();
    for (schema, seed) in schemas.iter().zip(0..) {
        let options = GenerateOptions {
            max_tokens: 1000,
            sampler: Sampler::default().temperature(0.8).seed(seed),
            grammar: Some(model.grammars().unwrap().json_schema(schema).unwrap()),
            ..GenerateOptions::default()
        };
        let prompt = model.encode("A record in JSON:\n").unwrap();
        texts.insert(batch.insert(prompt, options).unwrap(), (schema, String::new()));
    }
    let mut complete = 0;
    for Event { id, kind } in &mut batch {
        let (schema, text) = texts.get_mut(&id).unwrap();
        match kind {
            EventKind::New(piece) => text.push_str(&piece.text),
            EventKind::Finished { reason, .. } => {
                assert_eq!(reason, FinishReason::Stop, "{text} by {schema}");
                let value =
                    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text} by {schema}"));
                assert!(is_valid(schema, &value), "{value} by {schema}");
                complete += 1;
            }
            EventKind::Prompt { .. } => {}
            EventKind::Failed(error) => panic!("{error}: {text} by {schema}"),
        }
    }
    assert_eq!(complete, schemas.len());
}

#[test]
fn a_regular_expression_is_matched_from_end_to_end() {
    let model = model();
    let grammar = model.grammars().unwrap().regex("(ja|nein), [0-9]{3}(ß|é)").unwrap();
    let mut texts = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let (text, finish) = text(&model, grammar.clone(), seed);
        let (word, rest) = text.split_once(", ").unwrap();
        let (digits, letter) = rest.split_at(3);
        assert!(["ja", "nein"].contains(&word) && ["ß", "é"].contains(&letter), "{text}");
        assert!(digits.bytes().all(|digit| digit.is_ascii_digit()), "{text}");
        assert_eq!(finish, FinishReason::Stop);
        texts.insert(text);
    }
    assert!(texts.len() > 4, "{texts:?}");
}

#[test]
fn a_context_free_grammar_nests() {
    let model = model();
    let grammar = "start: \"(\" pair \")\"\npair: \"x\" | \"[\" pair \"]\"\n";
    let grammar = model.grammars().unwrap().lark(grammar).unwrap();
    for seed in 0..4 {
        let (text, _) = text(&model, grammar.clone(), seed);
        let inner = text.strip_prefix('(').unwrap().strip_suffix(')').unwrap();
        let depth = inner.find('x').unwrap();
        assert_eq!(inner, format!("{}x{}", "[".repeat(depth), "]".repeat(depth)));
    }
}

#[test]
fn a_choice_is_one_of_its_texts() {
    let model = model();
    let choices = ["yes", "no \"really\"", "vielleicht ü", "yes!"];
    let grammar = model.grammars().unwrap().choice(choices).unwrap();
    for seed in 0..6 {
        let (text, finish) = text(&model, grammar.clone(), seed);
        assert!(choices.contains(&text.as_str()), "{text}");
        assert_eq!(finish, FinishReason::Stop);
    }
    let none: [&str; 0] = [];
    assert!(model.grammars().unwrap().choice(none).is_err());
}

#[test]
fn any_json_object_is_one() {
    let model = model();
    let grammar = model.grammars().unwrap().json_object().unwrap();
    let mut state = grammar.start().unwrap();
    for byte in b"{\"a\": [1, {\"b\":\n  null}]}" {
        let Allowed::Only(tokens) = state.allowed().unwrap() else { panic!("it ended before {byte}") };
        assert!(tokens.contains(u32::from(*byte)), "{}", char::from(*byte));
        state.accept(u32::from(*byte)).unwrap();
    }
}

#[test]
fn white_space_of_json_is_bounded() {
    let model = model();
    let mut state = model.grammars().unwrap().json_object().unwrap().start().unwrap();
    state.accept(u32::from(b'{')).unwrap();
    let mut spaces = 0;
    while matches!(state.allowed().unwrap(), Allowed::Only(tokens) if tokens.contains(u32::from(b' '))) {
        state.accept(u32::from(b' ')).unwrap();
        spaces += 1;
    }
    assert_eq!(spaces, 1);
}

#[test]
fn a_token_that_is_not_allowed_is_an_error_and_not_a_panic() {
    let model = model();
    let mut state = model.grammars().unwrap().regex("a+").unwrap().start().unwrap();
    assert!(state.accept(u32::from(b'b')).is_err());
    assert!(state.allowed().is_err() || state.accept(u32::MAX).is_err());
}

#[test]
fn control_tokens_do_not_spell_text() {
    let model = model();
    let mut state = model.grammars().unwrap().regex("<turn>").unwrap().start().unwrap();
    let turn = model.tokenizer().id("<turn>").unwrap();
    let Allowed::Only(tokens) = state.allowed().unwrap() else { panic!("nothing is allowed") };
    assert!(tokens.contains(u32::from(b'<')) && !tokens.contains(turn));
}

#[test]
fn a_form_may_begin_after_a_section_that_is_free() {
    let model = model();
    let grammar = model.grammars().unwrap().choice(["yes", "no"]).unwrap().after(vec![7, 7, 8]);
    let mut state = grammar.start().unwrap();
    for token in [9, 7, 7, 7] {
        assert_eq!(state.allowed().unwrap(), Allowed::Any);
        state.accept(token).unwrap();
    }
    state.accept(8).unwrap();
    assert!(matches!(state.allowed().unwrap(), Allowed::Only(tokens) if !tokens.contains(9)));
    state.accept(u32::from(b'n')).unwrap();
    state.accept(u32::from(b'o')).unwrap();
    assert_eq!(state.allowed().unwrap(), Allowed::End);
}

#[test]
fn what_cannot_be_compiled_says_why() {
    let model = model();
    let grammars = model.grammars().unwrap();
    for (message, part) in [
        (grammars.regex("a(").unwrap_err().to_string(), "grammar: "),
        (grammars.lark("start: missing").unwrap_err().to_string(), "missing"),
        (grammars.json_schema(&json!({ "type": "strin" })).unwrap_err().to_string(), "strin"),
        (
            grammars
                .json_schema(&json!({ "type": "integer", "minimum": 3, "maximum": 2 }))
                .unwrap_err()
                .to_string(),
            "grammar: ",
        ),
        (grammars.json_schema(&json!(7)).unwrap_err().to_string(), "grammar: "),
    ] {
        assert!(message.contains(part) && !message.contains("backtrace"), "{message}");
    }
}

#[test]
fn a_tokenizer_without_an_end_is_refused() {
    let vocab = GgufVocab {
        model: "gpt2".into(),
        tokens: vec!["a".into()],
        token_types: vec![1],
        ..GgufVocab::default()
    };
    let message = Grammars::new(&Tokenizer::from_gguf(&vocab).unwrap(), 1).unwrap_err().to_string();
    assert!(message.contains("with_eos"), "{message}");
}
