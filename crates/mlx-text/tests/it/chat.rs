//! Chat templates, against transformers.

use std::collections::BTreeMap;

use mlx_text::{ChatOptions, ChatTemplate, Message, Tokenizer};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{byte_level, data, fixture};

#[derive(Deserialize)]
struct Reference {
    templates: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    messages: Vec<Message>,
    options: Map<String, Value>,
    text: Option<String>,
    error: Option<String>,
}

fn options(case: &Case) -> ChatOptions {
    let mut variables = case.options.clone();
    let add_generation_prompt = variables.remove("add_generation_prompt").unwrap().as_bool().unwrap();
    let tools = variables.remove("tools").filter(|tools| !tools.is_null());
    variables.insert("bos_token".into(), "<s>".into());
    variables.insert("eos_token".into(), "</s>".into());
    ChatOptions { add_generation_prompt, tools, variables }
}

fn error(template: &str) -> String {
    ChatTemplate::new(template)
        .render(&[Message::user("hi")], &ChatOptions::default())
        .unwrap_err()
        .to_string()
}

#[test]
fn texts_are_those_of_transformers() {
    let reference: Reference = fixture("chat.json");
    assert!(reference.cases.len() >= 17);
    for case in &reference.cases {
        let template = ChatTemplate::new(&reference.templates[&case.template]);
        let rendered = template.render(&case.messages, &options(case));
        match (&case.text, &case.error) {
            (Some(text), _) => assert_eq!(&rendered.unwrap(), text, "{}", case.template),
            (None, Some(error)) => {
                let message = rendered.unwrap_err().to_string();
                assert!(message.starts_with(&format!("chat template: {error} (line ")), "{message}");
            }
            (None, None) => unreachable!("a case expects a text or an error"),
        }
    }
}

#[test]
fn errors_are_one_line_with_the_template_s_own_words() {
    assert_eq!(error("{{ raise_exception('no\nway') }}"), "chat template: no way (line 1)");
    assert_eq!(error("a\n{% if %}"), "chat template: unexpected end of block (line 2)");
    assert!(error("{{ nobody.name }}").starts_with("chat template: "));
    assert!(error("{{ strftime_now('%!') }}").contains("line 1"));
}

#[test]
fn a_template_that_does_not_end_is_stopped() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
    assert_eq!(
        error(nested),
        "chat template: stopped after 20000000 steps, it does not seem to end (line 1)"
    );
}

#[test]
fn strftime_now_knows_the_year() {
    let text =
        ChatTemplate::new("{{ strftime_now('%d %b %Y') }}").render(&[], &ChatOptions::default()).unwrap();
    let year: i32 = text.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(year >= 2025, "{text}");
    assert_eq!(text.split(' ').nth(1).unwrap().len(), 3, "{text}");
}

#[test]
fn a_named_template_is_picked_when_there_are_tools() {
    let tokenizer = Tokenizer::from_dir(data("byte_level")).unwrap();
    let template = tokenizer.chat_template().unwrap();
    let messages = [Message::user("Hi")];
    let plain = template.render(&messages, &ChatOptions::default()).unwrap();
    assert_eq!(plain, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
    let with_tools = ChatOptions { tools: Some(json!([{"z": 1, "a": 2}])), ..ChatOptions::default() };
    assert_eq!(template.render(&messages, &with_tools).unwrap(), format!("[{{\"z\": 1, \"a\": 2}}]{plain}"));
}

#[test]
fn a_jinja_file_wins_over_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(data("byte_level").join(name), dir.path().join(name)).unwrap();
    }
    std::fs::write(dir.path().join("chat_template.jinja"), "{{ eos_token }}!").unwrap();
    let tokenizer = Tokenizer::from_dir(dir.path()).unwrap();
    let text = tokenizer.chat_template().unwrap().render(&[], &ChatOptions::default()).unwrap();
    assert_eq!(text, "<|im_end|>!");
}

#[test]
fn a_chat_is_encoded_with_no_second_bos() {
    let mut vocab = byte_level::vocab("gpt-2");
    vocab.bos = Some(0);
    vocab.add_bos = Some(true);
    vocab.chat_template = Some("{{ bos_token }}{{ messages[0].content }}".into());
    let tokenizer = Tokenizer::from_gguf(&vocab).unwrap();
    let ids = tokenizer.encode_chat(&[Message::user("Hi")], &ChatOptions::default()).unwrap();
    assert_eq!(ids, tokenizer.encode("Hi", true).unwrap());
    assert_eq!(ids.iter().filter(|&&id| id == 0).count(), 1);
}

#[test]
fn a_model_without_a_template_says_so() {
    let tokenizer = Tokenizer::from_gguf(&byte_level::vocab("gpt-2")).unwrap();
    let error = tokenizer.encode_chat(&[], &ChatOptions::default()).unwrap_err().to_string();
    assert!(error.starts_with("no chat template in this model"), "{error}");
    let tokenizer = tokenizer.with_chat_template(ChatTemplate::new("{{ eos_token }}"));
    assert_eq!(tokenizer.encode_chat(&[], &ChatOptions::default()).unwrap(), [2]);
}
