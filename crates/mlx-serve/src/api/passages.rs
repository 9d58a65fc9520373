//! An answer as passages: texts, reasoning and calls, one after the other.

use mlx_text::ToolCall;

use crate::text::{Part, TokenScore};

/// What a passage is, beside a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Reasoning,
}

/// What happens to passages.
#[derive(Debug)]
pub(super) enum Step {
    Open(Kind),
    /// More of the one that is open.
    More(String, Vec<TokenScore>),
    Close,
    Call(ToolCall),
}

/// Finds passages in the parts of an answer. One of blanks alone is none, and reasoning has none around it.
#[derive(Debug, Default)]
pub(super) struct Passages {
    open: Option<Kind>,
    /// What blanks belong to.
    kind: Option<Kind>,
    blanks: String,
    scores: Vec<TokenScore>,
}

impl Passages {
    /// What another part does.
    pub(super) fn take(&mut self, part: Part, scores: Vec<TokenScore>) -> Vec<Step> {
        match part {
            Part::Text(text) => self.more(Kind::Text, &text, scores),
            Part::Reasoning(text) => self.more(Kind::Reasoning, &text, scores),
            Part::Call(call) => {
                self.forget();
                let mut steps: Vec<_> = self.close().collect();
                steps.push(Step::Call(call));
                steps
            }
        }
    }

    /// What the end of the answer does.
    pub(super) fn close(&mut self) -> impl Iterator<Item = Step> + use<> {
        self.open.take().map(|_| Step::Close).into_iter()
    }

    fn more(&mut self, kind: Kind, text: &str, scores: Vec<TokenScore>) -> Vec<Step> {
        if self.kind != Some(kind) {
            self.forget();
            self.kind = Some(kind);
        }
        self.blanks.push_str(text);
        self.scores.extend(scores);
        let begins = self.open != Some(kind);
        let kept = match (self.blanks.trim_end().len(), kind) {
            // A text keeps its blanks once it has begun.
            (0, Kind::Text) if begins => 0,
            (_, Kind::Text) => self.blanks.len(),
            (kept, Kind::Reasoning) => kept,
        };
        let rest = self.blanks.split_off(kept);
        let mut new = std::mem::replace(&mut self.blanks, rest);
        if new.is_empty() && (begins || self.scores.is_empty()) {
            return Vec::new();
        }
        let mut steps = Vec::new();
        if begins {
            steps.extend(self.close());
            steps.push(Step::Open(kind));
            self.open = Some(kind);
            if kind == Kind::Reasoning {
                new = new.trim_start().to_owned();
            }
        }
        steps.push(Step::More(new, std::mem::take(&mut self.scores)));
        steps
    }

    fn forget(&mut self) {
        self.kind = None;
        self.blanks.clear();
        self.scores.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passages in short.
    fn run(parts: &[Part]) -> String {
        let mut passages = Passages::default();
        let mut steps: Vec<_> =
            parts.iter().flat_map(|part| passages.take(part.clone(), Vec::new())).collect();
        steps.extend(passages.close());
        let short = |step: Step| match step {
            Step::Open(Kind::Text) => "T(".to_owned(),
            Step::Open(Kind::Reasoning) => "R(".to_owned(),
            Step::More(text, _) => format!("{text}|"),
            Step::Close => ")".to_owned(),
            Step::Call(call) => call.name,
        };
        steps.into_iter().map(short).collect()
    }

    fn text(text: &str) -> Part {
        Part::Text(text.into())
    }

    fn reasoning(text: &str) -> Part {
        Part::Reasoning(text.into())
    }

    fn call() -> Part {
        Part::Call(ToolCall { id: None, name: "now".into(), arguments: serde_json::Map::new() })
    }

    #[test]
    fn each_kind_has_a_passage_of_its_own() {
        let parts = [reasoning("hm"), reasoning(" so"), text("a"), text("b"), call(), text("c")];
        assert_eq!(run(&parts), "R(hm| so|)T(a|b|)nowT(c|)");
    }

    #[test]
    fn blanks_alone_are_no_passage() {
        assert_eq!(run(&[reasoning("\n"), text("\n\n"), call(), text(" ")]), "now");
    }

    #[test]
    fn blanks_within_a_text_are_kept() {
        assert_eq!(run(&[text("\n"), text("a\n"), text("\n"), text("b ")]), "T(\na\n|\n|b |)");
    }

    #[test]
    fn reasoning_has_no_blanks_around_it() {
        assert_eq!(
            run(&[reasoning("\n"), reasoning(" a"), reasoning("\n"), reasoning("b\n\n")]),
            "R(a|\nb|)"
        );
        assert_eq!(run(&[reasoning("a\n"), text("b")]), "R(a|)T(b|)");
    }
}
