//! Answers that arrive in pieces, against mlx-lm's state machine.

use mlx_text::{Reasoning, ResponseEvent, ResponseFormat, ResponseParser, ToolFormat, Tools};

use crate::random_text::Random;
use crate::tools::{Answer, Call, REFERENCE, Vocabulary, tools};

/// The parts of an answer, neighbours of one kind put together.
fn parts(mut parser: ResponseParser, pieces: &[&str]) -> Vec<ResponseEvent> {
    let mut parts: Vec<ResponseEvent> = Vec::new();
    let mut take = |events: Vec<ResponseEvent>| {
        for event in events {
            match (parts.last_mut(), event) {
                (Some(ResponseEvent::Content(whole)), ResponseEvent::Content(text))
                | (Some(ResponseEvent::Reasoning(whole)), ResponseEvent::Reasoning(text)) => {
                    whole.push_str(&text)
                }
                (_, event) => parts.push(event),
            }
        }
    };
    for piece in pieces {
        take(parser.push(piece));
    }
    take(parser.finish());
    parts
}

fn format(name: &str, vocabulary: &[String]) -> ResponseFormat {
    let reasoning = Reasoning::of_vocabulary(|token| vocabulary.iter().any(|known| known == token));
    ResponseFormat::new(reasoning, Some(ToolFormat::from_name(name).unwrap()))
}

fn parser(format: &ResponseFormat, reasoning: bool) -> ResponseParser {
    let marker = format.reasoning().map(|reasoning| reasoning.start.clone());
    format.parser(&marker.filter(|_| reasoning).unwrap_or_default(), tools())
}

fn content(text: &str) -> ResponseEvent {
    ResponseEvent::Content(text.into())
}

fn reasoning(text: &str) -> ResponseEvent {
    ResponseEvent::Reasoning(text.into())
}

/// The names of the calls, other parts as they are.
fn shown(parts: &[ResponseEvent]) -> Vec<String> {
    let text = |event: &ResponseEvent| match event {
        ResponseEvent::Content(text) => text.clone(),
        ResponseEvent::Reasoning(text) => format!("({text})"),
        ResponseEvent::ToolCall(call) => {
            format!("{}{}", call.name, serde_json::to_string(&call.arguments).unwrap())
        }
        ResponseEvent::Rejected(call) => format!("rejected {}", call.text),
    };
    parts.iter().map(text).collect()
}

#[test]
fn parts_are_those_of_mlx_lm() {
    for Answer { parser: name, vocabulary, initial, text, content, reasoning, calls } in &REFERENCE.answers {
        let format = format(name, vocabulary);
        let parts = parts(parser(&format, initial == "reasoning"), &[text]);
        let (mut shown, mut thought, mut called) = (String::new(), String::new(), Vec::new());
        for part in parts {
            match part {
                ResponseEvent::Content(text) => shown.push_str(&text),
                ResponseEvent::Reasoning(text) => thought.push_str(&text),
                ResponseEvent::ToolCall(call) => called.push(Call::from(call)),
                ResponseEvent::Rejected(call) => unreachable!("{call:?}"),
            }
        }
        assert_eq!((&shown, &thought, &called), (content, reasoning, calls), "{name} {text}");
    }
}

#[test]
fn reasoning_is_marked_as_the_vocabulary_says() {
    for Vocabulary { tokens, reasoning: [start, end], .. } in &REFERENCE.vocabularies {
        let found = Reasoning::of_vocabulary(|token| tokens.iter().any(|known| known == token));
        let expected = start.clone().zip(end.clone()).map(|(start, end)| Reasoning { start, end });
        assert_eq!(found, expected, "{tokens:?}");
    }
}

#[test]
fn how_an_answer_is_cut_makes_no_difference() {
    let mut random = Random(0xC4A7);
    let mut answers: Vec<(ResponseFormat, bool, String)> = REFERENCE
        .answers
        .iter()
        .map(|answer| {
            (format(&answer.parser, &answer.vocabulary), answer.initial == "reasoning", answer.text.clone())
        })
        .collect();
    let think = ["<think>".to_owned(), "</think>".to_owned()];
    for tool in ToolFormat::ALL {
        let format = format(tool.name(), &think);
        for (start, end) in [(tool.start(), tool.end()), ("", ""), ("<｜tool▁calls", "<|call|>")] {
            answers.push((
                format.clone(),
                false,
                format!("a <th<think>b</thi</think> {start}x: {{}}{end}{start}"),
            ));
        }
    }
    answers
        .extend(OTHERS.iter().map(|(tool, text)| (format(tool.name(), &think), false, (*text).to_owned())));
    for (format, open, text) in answers {
        let whole = parts(parser(&format, open), &[&text]);
        for round in 0..40 {
            let mut pieces = Vec::new();
            let mut rest = text.as_str();
            let size = [1, 2, 4, 12][round % 4];
            while !rest.is_empty() {
                let length = rest.char_indices().nth(1 + random.below(size)).map_or(rest.len(), |(at, _)| at);
                let (piece, after) = rest.split_at(length);
                pieces.push(piece);
                rest = after;
            }
            assert_eq!(parts(parser(&format, open), &pieces), whole, "{pieces:?}");
        }
    }
}

/// Answers in formats that mlx-lm does not know.
const OTHERS: [(ToolFormat, &str); 9] = [
    (
        ToolFormat::Harmony,
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>commentary<|message|>I look.<|end|>\
         <|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{\"a\": 1}",
    ),
    (ToolFormat::Harmony, "<|channel|>final<|message|>Hello <b>.<|return|>"),
    (ToolFormat::Harmony, " to=functions.now<|channel|>commentary json<|message|>{}<|call|>"),
    (ToolFormat::Harmony, "no channel"),
    (
        ToolFormat::Llama3,
        " {\"name\": \"now\", \"parameters\": {}}; {\"name\": \"now\", \"parameters\": {\"a\": 1}}",
    ),
    (ToolFormat::Llama3, "{\"name\": \"Bob\", \"age\": 3}"),
    (ToolFormat::Llama3, "{\"answer\": 3}"),
    (ToolFormat::Llama3, "I call <|python_tag|>{\"name\": \"now\", \"parameters\": {}}"),
    (
        ToolFormat::Deepseek,
        "<think>hm</think>x<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```\
         <｜tool▁call▁end｜><｜tool▁calls▁end｜>",
    ),
];

#[test]
fn formats_that_mlx_lm_does_not_know_are_taken_apart() {
    let expected: [&[&str]; 9] = [
        &["(hm)", "I look.", "now{\"a\":1}"],
        &["Hello <b>."],
        &["now{}"],
        &["no channel"],
        &["now{}", "now{\"a\":1}"],
        &["{\"name\": \"Bob\", \"age\": 3}"],
        &["{\"answer\": 3}"],
        &["I call ", "now{}"],
        &["(hm)", "x", "now{}"],
    ];
    let think = ["<think>".to_owned(), "</think>".to_owned()];
    for ((tool, text), expected) in OTHERS.iter().zip(expected) {
        let parts = parts(parser(&format(tool.name(), &think), false), &[text]);
        assert_eq!(shown(&parts), expected, "{text}");
    }
}

#[test]
fn json_is_no_call_where_there_are_no_functions() {
    let format = ResponseFormat::new(None, Some(ToolFormat::Llama3));
    let text = r#"{"name": "now", "parameters": {}}"#;
    let mut parser = format.parser("", Tools::default());
    assert_eq!(parser.push(text), [content(text)]);
}

#[test]
fn a_prompt_that_ends_with_the_marker_opens_reasoning() {
    let format = ResponseFormat::new(Some(Reasoning::new("<think>", "</think>")), None);
    for (prompt, opens) in [
        ("<|im_start|>assistant\n<think>\n", true),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", false),
        ("what does <think> mean?<|im_end|>\n<|im_start|>assistant\n", false),
        ("", false),
    ] {
        assert_eq!(format.opens_reasoning(prompt), opens, "{prompt}");
        let parser = format.parser(prompt, Tools::default());
        assert_eq!(parser.is_reasoning(), opens);
        let expected =
            if opens { vec![reasoning("hm"), content("yes")] } else { vec![content("hm</think>yes")] };
        assert_eq!(parts(parser, &["hm</think>yes"]), expected, "{prompt}");
    }
}

#[test]
fn a_harmony_prompt_that_opens_a_message_says_what_comes() {
    let format = ResponseFormat::new(None, Some(ToolFormat::Harmony));
    let parser = format
        .parser("<|start|>user<|message|>hi<|end|><|start|>assistant<|channel|>analysis<|message|>", tools());
    assert!(parser.is_reasoning());
    assert_eq!(parts(parser, &["hm<|end|>"]), [reasoning("hm")]);
}

#[test]
fn what_is_no_call_comes_back_with_its_markers() {
    let format = ResponseFormat::new(None, Some(ToolFormat::JsonTools));
    let text = "a<tool_call>{\"name\": </tool_call>b<tool_call>{";
    let parts = parts(format.parser("", Tools::default()), &[text]);
    assert_eq!(
        shown(&parts),
        ["a", "rejected <tool_call>{\"name\": </tool_call>", "b", "rejected <tool_call>{"]
    );
}

#[test]
fn the_beginning_of_a_marker_waits_and_is_not_lost() {
    let format =
        ResponseFormat::new(Some(Reasoning::new("<think>", "</think>")), Some(ToolFormat::JsonTools));
    let mut parser = format.parser("", Tools::default());
    assert_eq!(parser.push("1 < 2 <t"), [content("1 < 2 ")]);
    assert_eq!(parser.push("o"), []);
    assert_eq!(parser.push("p"), [content("<top")]);
    assert_eq!(parser.push("<too"), []);
    assert_eq!(parser.finish(), [content("<too")]);
}

/// Pieces of all formats.
const WORDS: &[&str] = &[
    "<think>",
    "</think>",
    "<tool_call>",
    "</tool_call>",
    "{",
    "}",
    "\"",
    "'",
    "[",
    "]",
    "(",
    ")",
    ":",
    ",",
    "=",
    "\\",
    "name",
    "call:",
    "<escape>",
    "<|\"|>",
    "[ARGS]",
    "<arg_key>",
    "</arg_key>",
    "<arg_value>",
    "<function=",
    "</function>",
    "<parameter=",
    "</parameter>",
    "<|message|>",
    " to=",
    "<invoke name=",
    "</invoke>",
    "é",
    "\n",
    "0",
    "-1e",
    "<param name=",
    "<atem:invoke name=\"",
    ">",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "functions.a:1",
    "<|tool_call_argument_begin|>",
    "<|open|>call tool=\"",
    "<|sep|>",
    "<|close|>call<|sep|>",
    "<atem:parameter name=\"",
    "u",
    "x",
    "_",
];

#[test]
fn no_text_makes_a_parser_panic() {
    let mut random = Random(0xBAD);
    for round in 0..4000 {
        let tool = ToolFormat::ALL[round % ToolFormat::ALL.len()];
        let body: String = (0..random.below(14)).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let parsed = tool.parse(&body, &tools());
        assert!(parsed.rejected.is_some() || !parsed.calls.is_empty(), "{} {body:?}", tool.name());
        let format = ResponseFormat::new(Some(Reasoning::new("<think>", "</think>")), Some(tool));
        parts(format.parser("", tools()), &[&body]);
    }
}
