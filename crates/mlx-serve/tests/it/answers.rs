//! What is answered, alone and beside others.

use serde_json::{Value, json};

use crate::client::Response;
use crate::site::{Site, caller, options, question};

fn with(mut question: Value, fields: Value) -> Value {
    question.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    question
}

#[test]
fn a_stream_has_the_text_of_the_whole_answer_in_several_pieces() {
    let site = Site::open(options());
    let whole = site.ask(&question("What is this?", 24));
    assert_eq!(whole.status, 200, "{whole:?}");
    let fields = json!({"stream": true, "stream_options": {"include_usage": true}});
    let streamed = site.ask(&with(question("What is this?", 24), fields));
    let events = streamed.events();
    let pieces = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str());
    assert_eq!(pieces.clone().collect::<String>(), whole.content());
    assert!(pieces.filter(|piece| !piece.is_empty()).count() > 3);
    assert_eq!(events.last().unwrap()["usage"]["completion_tokens"], 24);
    assert!(streamed.text().ends_with("data: [DONE]\n\n"));
}

#[test]
fn a_seed_gives_the_same_text_alone_and_among_others() {
    let site = Site::open(options());
    let asked = |seed: u64| with(question("Tell me more.", 32), json!({"temperature": 1.5, "seed": seed}));
    let alone = site.ask(&asked(7)).content();
    assert_ne!(alone, site.ask(&asked(8)).content());
    let mut others: Vec<_> = (0..6).map(|_| site.client()).collect();
    for (seed, other) in (20..).zip(&mut others) {
        other.ask("POST", "/v1/chat/completions", asked(seed).to_string().as_bytes(), "");
    }
    assert_eq!(site.ask(&asked(7)).content(), alone);
    others.iter_mut().for_each(|other| assert_eq!(other.read().status, 200));
}

#[test]
fn several_answers_to_one_question_are_drawn_apart_and_read_its_prompt_once() {
    let site = Site::open(options());
    let asked = with(question("Which one is it?", 16), json!({"n": 3, "temperature": 1.5, "seed": 3}));
    let answer = site.ask(&asked).json();
    let texts: Vec<_> =
        (0..3).map(|n| answer["choices"][n]["message"]["content"].as_str().unwrap()).collect();
    assert!(texts[0] != texts[1] && texts[1] != texts[2], "{texts:?}");
    assert_eq!(answer["usage"]["completion_tokens"], 48);
    let usage = &site.ask(&asked).json()["usage"];
    let prompt = usage["prompt_tokens"].as_u64().unwrap();
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], prompt - 1);
    let one = with(question("Which one is it?", 16), json!({"temperature": 1.5, "seed": 4}));
    assert_eq!(site.ask(&one).content(), texts[1]);
}

#[test]
fn a_prompt_that_begins_like_an_earlier_one_is_remembered_and_answered_alike() {
    let site = Site::open(options());
    let first = site.ask(&question("Once upon a time, in a land far away", 8));
    assert_eq!(first.json()["usage"]["prompt_tokens_details"]["cached_tokens"], 0);
    let again = site.ask(&question("Once upon a time, in a land far away", 8));
    let cached = again.json()["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert!(cached > 30, "{cached}");
    assert_eq!(first.content(), again.content());
}

/// Two pixels by two of one colour.
const RED: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR42mM4IScHRAwQCgAfJgQRSo6NIAAAAABJRU5ErkJggg==";
const BLUE: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAEElEQVR42mMQsbkDRAwQCgAdvgSxwnlvpwAAAABJRU5ErkJggg==";

/// A question about an image, and what was said after it.
fn shown(image: &str, after: &[Value]) -> Value {
    let url = format!("data:image/png;base64,{image}");
    let parts =
        json!([{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "What is this?"}]);
    let first = json!({"role": "user", "content": parts});
    let mut asked = question("", 12);
    asked["messages"] = [&[first], after].concat().into();
    asked
}

fn cached(answer: &Response) -> u64 {
    answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
}

#[test]
fn a_prompt_is_remembered_while_its_answer_is_written() {
    let (site, fresh) = (Site::open(options()), Site::open(options()));
    // A long one is shared with the text that goes on from it.
    for words in ["in a land far away".to_owned(), "far away ".repeat(60)] {
        let asked = question(&format!("Once upon a time, {words}"), 8);
        let endless = with(asked.clone(), json!({"max_tokens": 4000, "stream": true}));
        let mut first = site.client();
        first.ask("POST", "/v1/chat/completions", endless.to_string().as_bytes(), "");
        first.read_head();
        // Pieces before the first token tell how much of the prompt is read, and who speaks.
        let token = |piece: Vec<u8>| {
            let text = String::from_utf8(piece).unwrap();
            text.contains(r#""content":""#) && !text.contains(r#""content":"""#)
        };
        while !token(first.read_piece().unwrap()) {}
        let answer = site.ask(&asked);
        assert_eq!(cached(&answer), answer.json()["usage"]["prompt_tokens"].as_u64().unwrap() - 1);
        assert_eq!(answer.content(), fresh.ask(&asked).content());
        assert_eq!(site.state()["running"], 1);
        drop(first);
        site.wait_until(|state| state["running"] == 0);
    }
}

#[test]
fn what_is_shown_changes_the_answer_and_a_broken_image_is_refused() {
    let site = Site::open(options());
    let first = site.ask(&shown(RED, &[]));
    assert_eq!(first.status, 200, "{}", first.text());
    assert_ne!(first.content(), site.ask(&shown(BLUE, &[])).content());
    let broken = site.ask(&shown("AAAA", &[]));
    assert_eq!(broken.status, 400);
    assert_eq!(broken.json()["error"]["param"], "messages");
}

#[test]
fn an_image_that_was_seen_is_remembered_and_another_is_not_taken_for_it() {
    let site = Site::open(options());
    let first = site.ask(&shown(RED, &[]));
    assert_eq!(cached(&first), 0);
    let again = site.ask(&shown(RED, &[]));
    let prompt = first.json()["usage"]["prompt_tokens"].as_u64().unwrap();
    assert_eq!((again.content(), cached(&again)), (first.content(), prompt - 1));
    let more = [
        json!({"role": "assistant", "content": first.content()}),
        json!({"role": "user", "content": "And?"}),
    ];
    let fresh = Site::open(options());
    for (image, remembers) in [(RED, true), (BLUE, false)] {
        let answer = site.ask(&shown(image, &more));
        assert_eq!(cached(&answer) >= prompt, remembers, "{}", answer.text());
        assert_eq!(answer.content(), fresh.ask(&shown(image, &more)).content());
    }
    let text = question("What is this?", 12);
    assert_eq!(site.ask(&text).content(), fresh.ask(&text).content());
}

#[test]
fn a_model_is_told_of_functions_beside_its_instructions() {
    let site = Site::open(options());
    let tool = json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}});
    let count = |system: &str| {
        let messages = json!([{"role": "system", "content": system}, {"role": "user", "content": "Well?"}]);
        let tokens = site.client().post("/tokenize", &json!({"messages": messages, "tools": [tool]}));
        tokens.json()["count"].as_u64().unwrap()
    };
    assert_eq!(count("Be very short.") - count("Be."), 11);
}

#[test]
fn an_answer_that_may_call_once_ends_with_its_first_call() {
    let site = Site::open(options());
    let tool = json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}});
    let call = r#"\{"name": "look", "parameters": \{\}\}"#;
    let calls = |fields: Value| {
        let twice = json!({"tools": [tool], "guided_regex": format!("{call}; {call}")});
        let answer = site.ask(&with(with(question("Well?", 100), twice), fields)).json();
        assert_eq!(answer["choices"][0]["finish_reason"], "tool_calls", "{answer}");
        answer["choices"][0]["message"]["tool_calls"].as_array().unwrap().len()
    };
    assert_eq!(calls(json!({})), 2);
    assert_eq!(calls(json!({"parallel_tool_calls": true})), 2);
    assert_eq!(calls(json!({"parallel_tool_calls": false})), 1);
}

#[test]
fn nothing_is_written_behind_the_only_call_that_is_wanted() {
    let mut options = options();
    options.models = vec![caller("tiny")];
    let site = Site::open(options);
    let tool = json!({"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}});
    let call = r#"<tool_call>\{"name": "look", "arguments": \{\}\}</tool_call>"#;
    let asked = |parallel: bool| {
        let form = json!({"tools": [tool], "guided_regex": format!("{call}[a-z]{{80}}")});
        let fields = json!({"parallel_tool_calls": parallel});
        let answer = site.ask(&with(with(question("Well?", 300), form), fields)).json();
        let made = &answer["choices"][0]["message"]["tool_calls"];
        assert_eq!(made[0]["function"]["name"], "look", "{answer}");
        answer["usage"]["completion_tokens"].as_u64().unwrap()
    };
    let (all, one) = (asked(true), asked(false));
    assert!(one + 70 < all, "{one} of {all}");
}

#[test]
fn a_value_out_of_its_range_is_named() {
    let site = Site::open(options());
    for (field, value) in
        [("temperature", -1.0), ("top_p", 1.5), ("min_p", 2.0), ("repetition_penalty", -1.0)]
    {
        let refused = site.ask(&with(question("Well?", 1), json!({field: value})));
        assert_eq!(refused.status, 400);
        assert_eq!(refused.json()["error"]["param"], field);
    }
}
