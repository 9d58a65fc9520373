//! Reasoning, calls of functions and their results, in a conversation.

use mlx_lm::{ChatEvent, ChatSession, FinishReason, LanguageModel};
use mlx_text::{Message, Reasoning, ResponseFormat, ToolCall, ToolFormat};
use serde_json::json;

use super::decoder::{Kind, Script, model};
use super::{all, finished};

fn session<'m>(model: &'m LanguageModel, script: &Script) -> ChatSession<'m> {
    let reasoning = Reasoning::new("<think>", "</think>");
    ChatSession::new(model)
        .unwrap()
        .format(ResponseFormat::new(Some(reasoning), Some(ToolFormat::JsonTools)))
        .tools(json!([{"type": "function", "function": {"name": "now", "parameters": {}}}]))
        .options(script.options())
        .unwrap()
}

/// The text and the reasoning of an answer, and its calls.
fn parts(events: &[ChatEvent]) -> (String, String, Vec<ToolCall>) {
    let (mut text, mut reasoning, mut calls) = (String::new(), String::new(), Vec::new());
    for event in events {
        match event {
            ChatEvent::Text(more) => text.push_str(more),
            ChatEvent::Reasoning(more) => reasoning.push_str(more),
            ChatEvent::ToolCall(call) => calls.push(call.clone()),
            ChatEvent::Rejected(call) => text.push_str(&call.text),
            ChatEvent::Finished(_) => {}
        }
    }
    (text, reasoning, calls)
}

const CALL: &str = "<tool_call>\n{\"name\": \"now\", \"arguments\": {\"zone\": \"Ü\"}}\n</tool_call>";

#[test]
fn a_model_calls_a_function_and_goes_on_with_the_result() {
    let (model, script) = (model(Kind::Hybrid), Script::default());
    let mut chat = session(&model, &script);
    script.set(&model, &format!("<think>hm</think>\n\n{CALL}{CALL}"));
    let events = all(chat.send("What time is it?").unwrap());
    let (_, reasoning, calls) = parts(&events);
    assert_eq!((reasoning.as_str(), calls.len(), finished(&events).tool_calls), ("hm", 2, 2));
    let ids: Vec<_> = calls.iter().map(|call| call.id.as_deref().unwrap()).collect();
    assert_eq!(ids, ["call00001", "call00002"]);
    let asked = chat.history().last().unwrap();
    assert_eq!(asked.text(), Some(""));
    assert_eq!(asked.extra["reasoning_content"], "hm");
    let function = json!({"name": "now", "arguments": {"zone": "Ü"}});
    assert_eq!(
        asked.extra["tool_calls"][1],
        json!({"type": "function", "function": function, "id": "call00002"})
    );

    script.set(&model, "It is late.");
    let events = all(chat.send_all(calls.iter().map(|call| Message::tool(call, "23:59"))).unwrap());
    assert_eq!(parts(&events).0, "It is late.");
    let last = finished(&events);
    assert_eq!((last.reason, last.tool_calls), (FinishReason::Stop, 0));
    assert!(last.stats.cached_tokens > 0);
    let roles: Vec<_> = chat.history().iter().map(|message| message.role.as_str()).collect();
    assert_eq!(roles, ["user", "assistant", "tool", "tool", "assistant"]);
    assert_eq!(chat.history()[2].extra["tool_call_id"], "call00001");

    script.set(&model, CALL);
    let (_, _, calls) = parts(&all(chat.send("And now?").unwrap()));
    assert_eq!(calls[0].id.as_deref(), Some("call00003"));
}

#[test]
fn a_call_that_does_not_parse_is_shown_and_kept() {
    let (model, script) = (model(Kind::Full), Script::default());
    let mut chat = session(&model, &script);
    let broken = "<tool_call>{\"name\": </tool_call>";
    script.set(&model, &format!("Well. {broken}"));
    let events = all(chat.send("Now?").unwrap());
    assert!(events.iter().any(|event| matches!(event, ChatEvent::Rejected(call) if call.text == broken)));
    assert_eq!(finished(&events).tool_calls, 0);
    assert_eq!(chat.history().last().unwrap().text(), Some(format!("Well. {broken}").as_str()));
}

#[test]
fn reasoning_ends_when_its_budget_is_spent() {
    let (model, script) = (model(Kind::Full), Script::default());
    script.set(&model, "<think>abcdefghijklmnopqrstuvwxyz</think>yes");
    for (budget, thought) in
        [(5, "abcde"), (26, "abcdefghijklmnopqrstuvwxyz"), (100, "abcdefghijklmnopqrstuvwxyz")]
    {
        let mut chat = session(&model, &script).thinking_budget(budget);
        let events = all(chat.send("Think").unwrap());
        assert_eq!(parts(&events).1, thought);
        assert_eq!(finished(&events).stats.reasoning_tokens, thought.len() + 1);
    }
}

#[test]
fn a_dropped_answer_keeps_the_reasoning_that_was_shown() {
    let (model, script) = (model(Kind::Recurrent), Script::default());
    script.set(&model, "<think>abc</think>yes");
    let mut chat = session(&model, &script);
    let shown: Vec<_> = chat.send("Think").unwrap().take(2).map(Result::unwrap).collect();
    assert_eq!(parts(&shown).1, "ab");
    let message = chat.history().last().unwrap();
    assert_eq!((message.text(), &message.extra["reasoning_content"]), (Some(""), &json!("ab")));
}

#[test]
fn an_answer_can_be_cut_by_its_length() {
    let (model, script) = (model(Kind::Full), Script::default());
    script.set(&model, "abcdef");
    let options = mlx_lm::GenerateOptions { max_tokens: 3, ..script.options() };
    let mut chat = session(&model, &script).options(options).unwrap();
    let events = all(chat.send("Go").unwrap());
    assert_eq!((parts(&events).0.as_str(), finished(&events).reason), ("abc", FinishReason::Length));
    script.set(&model, "xyz");
    assert_eq!(parts(&all(chat.send("On").unwrap())).0, "xyz");
}
