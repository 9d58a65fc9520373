//! How a model marks the parts of what it writes.

use crate::{ResponseParser, Result, Tokenizer, ToolFormat, Tools};

/// What reasoning begins and ends with. The first part is mlx-lm's, for vocabularies with both as tokens.
const SECTIONS: [[&str; 2]; 3] =
    [["<think>", "</think>"], ["<longcat_think>", "</longcat_think>"], ["<|think:start|>", "<|think:end|>"]];

/// How a model marks its reasoning and its calls.
///
/// ```
/// use mlx_text::{Reasoning, ResponseEvent, ResponseFormat, ToolFormat, Tools};
///
/// let format = ResponseFormat::new(Some(Reasoning::new("<think>", "</think>")), Some(ToolFormat::JsonTools));
/// let mut parser = format.parser("", Tools::default());
/// let mut events = parser.push("<think>Hm.</thi");
/// events.extend(parser.push("nk>Yes."));
/// events.extend(parser.finish());
/// assert_eq!(events, [ResponseEvent::Reasoning("Hm.".into()), ResponseEvent::Content("Yes.".into())]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseFormat {
    reasoning: Option<Reasoning>,
    tools: Option<ToolFormat>,
}

/// What reasoning begins and ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reasoning {
    /// Comes before it, or ends the prompt.
    pub start: String,
    /// Comes after it.
    pub end: String,
}

impl Reasoning {
    /// Reasoning between these.
    pub fn new(start: impl Into<String>, end: impl Into<String>) -> Self {
        Self { start: start.into(), end: end.into() }
    }

    /// The markers whose tokens a vocabulary has, as `has` tells of each.
    pub fn of_vocabulary(has: impl Fn(&str) -> bool) -> Option<Self> {
        let section = SECTIONS.iter().find(|markers| markers.iter().all(|marker| has(marker)));
        if let Some([start, end]) = section {
            return Some(Self::new(*start, *end));
        }
        if ["<|channel>", "<channel|>"].into_iter().all(&has) {
            return Some(Self::new("<|channel>thought", "<channel|>"));
        }
        let kimi_k3 = ToolFormat::of_vocabulary(has) == Some(ToolFormat::KimiK3);
        kimi_k3.then(|| Self::new("<|open|>think<|sep|>", "<|close|>think<|sep|>"))
    }
}

impl ResponseFormat {
    /// Reasoning and calls that are marked so. Harmony's and Muse Spark's own headers replace `reasoning`.
    pub fn new(reasoning: Option<Reasoning>, tools: Option<ToolFormat>) -> Self {
        let reasoning = match tools {
            Some(ToolFormat::Harmony) => Some(Reasoning::new("<|channel|>analysis<|message|>", "<|end|>")),
            Some(ToolFormat::MuseSpark) => Some(Reasoning::new("to=self<|message|>", "<|eom|>")),
            _ => reasoning,
        };
        Self { reasoning, tools }
    }

    /// How the model of a tokenizer marks its parts, as mlx-lm finds out: the format that the checkpoint names, that of
    /// its `model_type`, that of its chat template, that of its vocabulary.
    ///
    /// # Errors
    /// The checkpoint names a format that is not known.
    pub fn of(tokenizer: &Tokenizer, model_type: &str) -> Result<Self> {
        let has = |token: &str| tokenizer.id(token).is_some();
        let template = tokenizer.chat_template().and_then(|template| template.source(true).ok());
        let tools = match tokenizer.tool_parser_type() {
            Some(name) => Some(ToolFormat::from_name(name)?),
            None => ToolFormat::of_model_type(model_type)
                .or_else(|| template.and_then(ToolFormat::of_template))
                .or_else(|| ToolFormat::of_vocabulary(has)),
        };
        Ok(Self::new(Reasoning::of_vocabulary(has), tools))
    }

    /// How reasoning is marked, if the model can reason.
    pub fn reasoning(&self) -> Option<&Reasoning> {
        self.reasoning.as_ref()
    }

    /// How calls are written, if the model can call.
    pub fn tools(&self) -> Option<ToolFormat> {
        self.tools
    }

    /// Whether a prompt ends within reasoning, so that the answer goes on with it: some templates write the marker.
    pub fn opens_reasoning(&self, prompt: &str) -> bool {
        let marker = self.reasoning.as_ref().map(|reasoning| reasoning.start.as_str());
        marker.is_some_and(|marker| prompt.trim_end().ends_with(marker.trim_end()))
    }

    /// The parser of one answer to `prompt`, of which the end alone will do.
    pub fn parser(&self, prompt: &str, tools: Tools) -> ResponseParser {
        ResponseParser::new(self, prompt, tools)
    }
}
