//! The formats that models write calls in.

use super::parser::{self, Parser};
use super::{RejectedCall, ToolCall, Tools};
use crate::{Error, Result};

macro_rules! formats {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $start:literal .. $end:literal, $parser:expr;)*) => {
        /// How a family of models writes calls. Names are those of mlx-lm's tool parsers, where it has one.
        ///
        /// ```
        /// use mlx_text::{ToolFormat, Tools};
        ///
        /// let found = ToolFormat::JsonTools.parse(r#"{"name": "now", "arguments": {"zone": "UTC"}}"#, &Tools::default());
        /// assert_eq!(found.calls[0].name, "now");
        /// assert_eq!(found.rejected, None);
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum ToolFormat {
            $($(#[$doc])* $variant,)*
        }

        impl ToolFormat {
            /// All formats.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name, as `tool_parser_type` in `tokenizer_config.json` has it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What calls begin with.
            pub fn start(self) -> &'static str {
                match self { $(Self::$variant => $start,)* }
            }

            /// What calls end with; empty where they end with the text.
            pub fn end(self) -> &'static str {
                match self { $(Self::$variant => $end,)* }
            }

            fn parser(self) -> Parser {
                match self { $(Self::$variant => $parser,)* }
            }
        }
    };
}

formats! {
    /// `{"name": .., "arguments": {..}}`: Hermes, Qwen 2.5 and 3.
    JsonTools = "json_tools", "<tool_call>".."</tool_call>", parser::json_tools::calls;
    /// `<function=name><parameter=key>value</parameter></function>`.
    Qwen3Coder = "qwen3_coder", "<tool_call>".."</tool_call>", parser::qwen3_coder::calls;
    /// `name<arg_key>key</arg_key><arg_value>value</arg_value>`: GLM 4.5 and later.
    Glm47 = "glm47", "<tool_call>".."</tool_call>", parser::glm47::calls;
    /// As GLM's.
    Laguna = "laguna", "<tool_call>".."</tool_call>", parser::glm47::calls;
    /// As GLM's, with tags of its own.
    Longcat = "longcat", "<longcat_tool_call>".."</longcat_tool_call>", parser::longcat::calls;
    /// `[{"name": .., "arguments": {..}}]` or `name[ARGS]{..}`, with no end.
    Mistral = "mistral", "[TOOL_CALLS]".."", parser::mistral::calls;
    /// `functions.name:0<|tool_call_argument_begin|>{..}`.
    KimiK2 = "kimi_k2", "<|tool_calls_section_begin|>".."<|tool_calls_section_end|>", parser::kimi_k2::calls;
    /// `<|open|>call tool="name"<|sep|>` and its arguments.
    KimiK3 = "kimi_k3", "<|open|>tools<|sep|>".."<|close|>tools<|sep|>", parser::kimi_k3::calls;
    /// `<invoke name="name"><parameter name="key">value</parameter></invoke>`.
    MinimaxM2 = "minimax_m2", "<minimax:tool_call>".."</minimax:tool_call>", parser::minimax_m2::calls;
    /// `<function name="name"><param name="key">value</param></function>`.
    Minicpm5 = "minicpm5", "<function name=".."</function>", parser::minicpm5::calls;
    /// `[name(key="value")]`: LFM2.
    Pythonic = "pythonic", "<|tool_call_start|>".."<|tool_call_end|>", parser::pythonic::calls;
    /// `call:name{key:<escape>value<escape>}`.
    FunctionGemma = "function_gemma", "<start_function_call>".."<end_function_call>", parser::gemma::function_gemma;
    /// `call:name{key:<|"|>value<|"|>}`.
    Gemma4 = "gemma4", "<|tool_call>".."<tool_call|>", parser::gemma::gemma4;
    /// `<atem:invoke name="name"><atem:parameter name="key">value</atem:parameter></atem:invoke>`.
    MuseSpark = "muse_spark", "<atem:function_calls>".."</atem:function_calls>", parser::muse_spark::calls;
    /// Messages to `functions.name` of gpt-oss: `<|channel|>commentary to=functions.name<|message|>{..}<|call|>`.
    Harmony = "harmony", " to=".."<|call|>", parser::harmony::calls;
    /// `{"name": .., "parameters": {..}}`, also where no marker comes before it.
    Llama3 = "llama3", "<|python_tag|>".."", parser::llama3::calls;
    /// `name<｜tool▁sep｜>{..}` of V3.1, `function<｜tool▁sep｜>name` and a fence of V3 and R1.
    Deepseek = "deepseek", "<｜tool▁calls▁begin｜>".."<｜tool▁calls▁end｜>", parser::deepseek::calls;
}

/// What a text between the markers of a format says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParsedCalls {
    /// The calls in order.
    pub calls: Vec<ToolCall>,
    /// The whole text, where some of it is no call.
    pub rejected: Option<RejectedCall>,
}

impl ToolFormat {
    /// The format of this [`name`](Self::name).
    ///
    /// # Errors
    /// There is none; the error lists those that there are.
    pub fn from_name(name: &str) -> Result<Self> {
        let named = Self::ALL.iter().find(|format| format.name() == name).copied();
        named.ok_or_else(|| Error::ToolFormat {
            found: name.to_owned(),
            known: Self::ALL.iter().map(|format| format.name()).collect(),
        })
    }

    /// The calls of a text that was written between [`start`](Self::start) and [`end`](Self::end).
    ///
    /// Where a format writes no types, `tools` tells which arguments are numbers, lists and so on.
    pub fn parse(self, text: &str, tools: &Tools) -> ParsedCalls {
        let mut parsed = ParsedCalls::default();
        let mut reasons = Vec::new();
        for call in self.parser()(text, tools) {
            match call {
                Ok(call) => parsed.calls.push(call),
                Err(reason) => reasons.push(reason),
            }
        }
        if parsed.calls.is_empty() && reasons.is_empty() {
            reasons.push("there is no call in it".into());
        }
        if !reasons.is_empty() {
            parsed.rejected = Some(RejectedCall { reason: reasons.join("; "), text: text.to_owned() });
        }
        parsed
    }
}
