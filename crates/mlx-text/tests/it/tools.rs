//! Calls of functions, against mlx-lm's parsers.

use std::path::PathBuf;
use std::sync::LazyLock;

use mlx_text::{ToolCall, ToolFormat, Tools};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
pub(crate) struct Reference {
    tools: Value,
    bodies: Vec<Body>,
    pub(crate) answers: Vec<Answer>,
    templates: Vec<Template>,
    pub(crate) vocabularies: Vec<Vocabulary>,
}

#[derive(Deserialize)]
struct Body {
    parser: String,
    text: String,
    calls: Option<Vec<Call>>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub(crate) struct Call {
    id: Option<String>,
    name: String,
    arguments: Map<String, Value>,
}

#[derive(Deserialize)]
pub(crate) struct Answer {
    pub(crate) parser: String,
    pub(crate) vocabulary: Vec<String>,
    pub(crate) initial: String,
    pub(crate) text: String,
    pub(crate) content: String,
    pub(crate) reasoning: String,
    pub(crate) calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Template {
    source: String,
    parser: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct Vocabulary {
    pub(crate) tokens: Vec<String>,
    parser: Option<String>,
    pub(crate) reasoning: [Option<String>; 2],
}

impl From<ToolCall> for Call {
    fn from(call: ToolCall) -> Self {
        Self { id: call.id, name: call.name, arguments: call.arguments }
    }
}

pub(crate) static REFERENCE: LazyLock<Reference> = LazyLock::new(|| {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tools.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
});

pub(crate) fn tools() -> Tools {
    Tools::new(&REFERENCE.tools)
}

/// The names and arguments of the calls in a text, and why some of it is none.
fn parse(format: ToolFormat, text: &str) -> (Vec<(String, Value)>, Option<String>) {
    let parsed = format.parse(text, &tools());
    let calls = parsed.calls.into_iter().map(|call| (call.name, Value::Object(call.arguments))).collect();
    (calls, parsed.rejected.map(|rejected| rejected.reason))
}

fn only(name: &str, arguments: Value) -> (Vec<(String, Value)>, Option<String>) {
    (vec![(name.to_owned(), arguments)], None)
}

#[test]
fn calls_are_those_of_mlx_lm() {
    let mut compared = 0;
    for Body { parser, text, calls } in &REFERENCE.bodies {
        let format = ToolFormat::from_name(parser).unwrap();
        let parsed = format.parse(text, &tools());
        match calls {
            Some(expected) => {
                let calls: Vec<Call> = parsed.calls.into_iter().map(Call::from).collect();
                assert_eq!(&calls, expected, "{parser} {text:?}");
                assert_eq!(parsed.rejected, None, "{parser} {text:?}");
            }
            None => assert_eq!(parsed.rejected.unwrap().text, *text, "{parser}"),
        }
        compared += 1;
    }
    assert!(compared > 250, "{compared}");
}

#[test]
fn the_order_of_arguments_is_that_of_the_text() {
    let text = r#"{"name": "f", "arguments": {"z": 1, "a": 2, "m": 3}}"#;
    let parsed = ToolFormat::JsonTools.parse(text, &Tools::default());
    let keys: Vec<_> = parsed.calls[0].arguments.keys().cloned().collect();
    assert_eq!(keys, ["z", "a", "m"]);
}

#[test]
fn every_format_is_found_by_its_name() {
    for &format in ToolFormat::ALL {
        assert_eq!(ToolFormat::from_name(format.name()).unwrap(), format);
    }
    let error = ToolFormat::from_name("xml").unwrap_err().to_string();
    assert!(
        error.starts_with("tool_parser_type is `xml`, which is not known (known: json_tools, "),
        "{error}"
    );
}

#[test]
fn templates_and_vocabularies_tell_the_format_as_they_tell_mlx_lm() {
    let name = |format: Option<ToolFormat>| format.map(|format| format.name().to_owned());
    for Template { source, parser } in &REFERENCE.templates {
        assert_eq!(&name(ToolFormat::of_template(source)), parser, "{source}");
    }
    for Vocabulary { tokens, parser, .. } in &REFERENCE.vocabularies {
        let format = ToolFormat::of_vocabulary(|token| tokens.iter().any(|known| known == token));
        assert_eq!(&name(format), parser, "{tokens:?}");
    }
}

#[test]
fn templates_tell_the_formats_that_mlx_lm_does_not_know() {
    for (source, format) in [
        ("<|start|>assistant<|channel|>analysis<|message|>", ToolFormat::Harmony),
        ("'<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>'", ToolFormat::Deepseek),
        ("{{- '<|python_tag|>' }}", ToolFormat::Llama3),
        (
            "<|start_header_id|> {\"name\": function name, \"parameters\": dictionary of argument name and its value}",
            ToolFormat::Llama3,
        ),
    ] {
        assert_eq!(ToolFormat::of_template(source), Some(format), "{source}");
    }
}

#[test]
fn harmony_calls_the_recipient_of_a_message() {
    let header = "<|start|>assistant<|channel|>commentary to=functions.weather <|constrain|>json<|message|>";
    assert_eq!(
        parse(ToolFormat::Harmony, &format!("{header}{{\"city\": \"Zürich\"}}")),
        only("weather", json!({"city": "Zürich"}))
    );
    assert_eq!(
        parse(ToolFormat::Harmony, " to=functions.now<|channel|>commentary json<|message|>"),
        only("now", json!({}))
    );
    let (calls, reason) = parse(ToolFormat::Harmony, &format!("{header}{{\"city\": \"Zü"));
    assert_eq!(calls, []);
    assert!(reason.unwrap().starts_with("EOF while parsing a string"));
}

#[test]
fn llama_3_writes_objects_with_parameters_and_calls_of_its_own_functions() {
    let one = r#"{"name": "weather", "parameters": {"city": "Paris", "days": 2}}"#;
    let arguments = json!({"city": "Paris", "days": 2});
    assert_eq!(parse(ToolFormat::Llama3, one), only("weather", arguments.clone()));
    let (calls, reason) = parse(ToolFormat::Llama3, &format!("{one}; {one}\n{one}"));
    assert_eq!((calls.len(), reason), (3, None));
    assert_eq!(
        parse(ToolFormat::Llama3, r#"{"type": "function", "function": {"name": "now", "parameters": {}}}"#),
        only("now", json!({}))
    );
    assert_eq!(
        parse(ToolFormat::Llama3, "brave_search.call(query=\"the weather\")"),
        only("brave_search", json!({"query": "the weather"}))
    );
    let (calls, reason) = parse(ToolFormat::Llama3, &format!("{one} and so on"));
    assert!(calls.len() == 1 && reason.is_some());
}

#[test]
fn deepseek_writes_fences_and_later_none() {
    let fenced = |name, arguments| {
        format!(
            "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n{arguments}\n```<｜tool▁call▁end｜>"
        )
    };
    let text = fenced("weather", r#"{"city": "a ``` b"}"#) + "\n" + &fenced("now", "{}");
    let two = vec![("weather".to_owned(), json!({"city": "a ``` b"})), ("now".to_owned(), json!({}))];
    assert_eq!(parse(ToolFormat::Deepseek, &text), (two, None));
    let plain = "<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{\"city\": \"東京\"}<｜tool▁call▁end｜>";
    assert_eq!(parse(ToolFormat::Deepseek, plain), only("weather", json!({"city": "東京"})));
    let cut = "<｜tool▁call▁begin｜>weather<｜tool▁sep｜>{\"city\": ";
    assert!(parse(ToolFormat::Deepseek, &format!("{plain}{cut}")).1.is_some());
}

#[test]
fn a_call_that_is_whole_is_kept_beside_one_that_is_not() {
    let text = r#"weather[ARGS]{"city": "Paris"}now[ARGS]{"zone": "#;
    let (calls, reason) = parse(ToolFormat::Mistral, text);
    assert_eq!(calls, [("weather".to_owned(), json!({"city": "Paris"}))]);
    assert!(reason.is_some());
    let id = ToolFormat::Mistral.parse("now[CALL_ID]abc123def[ARGS]{}", &Tools::default()).calls.remove(0);
    assert_eq!((id.name.as_str(), id.id.as_deref()), ("now", Some("abc123def")));
}

#[test]
fn gemma_s_values_nest_and_its_strings_hold_braces() {
    assert_eq!(
        parse(
            ToolFormat::FunctionGemma,
            "call:weather{city:<escape>{a}, b<escape>,tags:[<escape>x<escape>,1],filter:{a:{}}}call:now{}"
        ),
        (
            vec![
                ("weather".to_owned(), json!({"city": "{a}, b", "tags": ["x", 1], "filter": {"a": {}}})),
                ("now".to_owned(), json!({})),
            ],
            None
        )
    );
}

#[test]
fn several_functions_in_one_pair_of_markers_are_several_calls() {
    let text =
        "<function=now>\n</function>\n<function=weather>\n<parameter=city>\nParis\n</parameter>\n</function>";
    let (calls, reason) = parse(ToolFormat::Qwen3Coder, text);
    assert_eq!((calls.len(), reason), (2, None));
    assert_eq!(calls[1], ("weather".to_owned(), json!({"city": "Paris"})));
}

#[test]
fn whole_numbers_keep_all_their_digits() {
    let text = "<function=weather><parameter=days>9007199254740993</parameter></function>";
    assert_eq!(parse(ToolFormat::Qwen3Coder, text), only("weather", json!({"days": 9007199254740993_i64})));
}

#[test]
fn values_nested_beyond_measure_are_rejected() {
    let deep = "[".repeat(100_000);
    for (format, text) in [
        (ToolFormat::JsonTools, deep.clone()),
        (ToolFormat::Pythonic, format!("[f(x={deep})]")),
        (ToolFormat::Gemma4, format!("call:f{{x:{deep}}}")),
        (ToolFormat::KimiK2, format!("functions.f:0<|tool_call_argument_begin|>{deep}")),
    ] {
        let parsed = format.parse(&text, &Tools::default());
        assert!(parsed.rejected.is_some() || parsed.calls.len() == 1, "{}", format.name());
    }
}
