//! A conversation put together from parts, where one turn may come in several.

use mlx_text::{Message, ToolCall};

use super::media::{Shown, Turn, together};

/// A conversation that grows part by part. What one side says one after the other is one message, as templates expect it.
#[derive(Default)]
pub(super) struct Transcript {
    turns: Vec<Turn>,
    role: &'static str,
    parts: Vec<Shown>,
    reasoning: String,
    calls: Vec<ToolCall>,
    /// All calls so far.
    called: Vec<ToolCall>,
}

impl Transcript {
    /// What somebody says or shows.
    pub(super) fn say(&mut self, role: &'static str, part: Shown) {
        self.turn_to(role);
        self.parts.push(part);
    }

    /// What led the model to what it says next.
    pub(super) fn think(&mut self, text: &str) {
        self.turn_to("assistant");
        self.reasoning.push_str(text);
    }

    /// A call that the model made.
    pub(super) fn call(&mut self, call: ToolCall) {
        self.turn_to("assistant");
        self.calls.push(call);
    }

    /// What a call of that name gave, if there was one.
    pub(super) fn result(&mut self, id: &str, text: String) -> Option<()> {
        self.turn_to("");
        let call = self.called.iter().rev().find(|call| call.id.as_deref() == Some(id))?;
        self.turns.push((Message::tool(call, text), Vec::new()));
        Some(())
    }

    /// All messages, and whether the last one is a text of the model alone.
    pub(super) fn finish(mut self) -> (Vec<Turn>, bool) {
        let begun = self.role == "assistant" && self.calls.is_empty() && !self.parts.is_empty();
        self.turn_to("");
        (self.turns, begun)
    }

    /// Ends the turn of another.
    fn turn_to(&mut self, role: &'static str) {
        if self.role == role {
            return;
        }
        let before = std::mem::replace(&mut self.role, role);
        let (reasoning, calls) = (std::mem::take(&mut self.reasoning), std::mem::take(&mut self.calls));
        let parts = std::mem::take(&mut self.parts);
        if before.is_empty() {
            return;
        }
        let (content, media) = together(parts);
        let mut message = Message::new(before, "");
        message.content = Some(content);
        self.turns.push((message.with_reasoning(&reasoning).with_tool_calls(&calls), media));
        self.called.extend(calls);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text(text: &str) -> Shown {
        Shown::Text(text.into())
    }

    fn call(id: &str) -> ToolCall {
        ToolCall { id: Some(id.into()), name: "now".into(), arguments: serde_json::Map::new() }
    }

    #[test]
    fn parts_of_one_side_are_one_message() {
        let mut transcript = Transcript::default();
        transcript.say("user", text("a"));
        transcript.say("user", text("b"));
        transcript.think("hm");
        transcript.say("assistant", text("c"));
        transcript.call(call("1"));
        transcript.result("1", "noon".into()).unwrap();
        let (turns, begun) = transcript.finish();
        let messages: Vec<_> =
            turns.iter().map(|(message, _)| serde_json::to_value(message).unwrap()).collect();
        assert_eq!(messages[0], json!({"role": "user", "content": "a\nb"}));
        assert_eq!(messages[1]["content"], "c");
        assert_eq!(messages[1]["reasoning_content"], "hm");
        assert_eq!(messages[1]["tool_calls"][0]["function"]["name"], "now");
        assert_eq!(
            messages[2],
            json!({"role": "tool", "content": "noon", "tool_call_id": "1", "name": "now"})
        );
        assert!(!begun && messages.len() == 3);
    }

    #[test]
    fn a_text_of_the_model_at_the_end_is_a_beginning() {
        let mut transcript = Transcript::default();
        transcript.say("assistant", text("c"));
        assert!(transcript.finish().1);
        let mut transcript = Transcript::default();
        transcript.say("assistant", text("c"));
        transcript.call(call("1"));
        assert!(!transcript.finish().1);
    }

    #[test]
    fn a_result_without_its_call_is_none() {
        let mut transcript = Transcript::default();
        transcript.call(call("1"));
        assert_eq!(transcript.result("2", String::new()), None);
    }
}
