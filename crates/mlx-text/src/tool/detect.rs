//! Which format a model writes, by its chat template and vocabulary.

use super::ToolFormat;

/// What a template holds all of, in the order of asking. The first part is mlx-lm's.
const SIGNS: &[(&[&str], ToolFormat)] = &[
    (&["<minimax:tool_call>"], ToolFormat::MinimaxM2),
    (&["<|tool_call>", "<tool_call|>"], ToolFormat::Gemma4),
    (&["<start_function_call>"], ToolFormat::FunctionGemma),
    (&["<longcat_tool_call>"], ToolFormat::Longcat),
    (&["<arg_key>"], ToolFormat::Glm47),
    (&["<|tool_list_start|>"], ToolFormat::Pythonic),
    (&["<|tool_call_start|>"], ToolFormat::Pythonic),
    (&["<tool_call>\\n<function="], ToolFormat::Qwen3Coder),
    (&["<tool_call>\n<function="], ToolFormat::Qwen3Coder),
    (&["<|tool_calls_section_begin|>"], ToolFormat::KimiK2),
    (&["<function name=\"", "<param name=\""], ToolFormat::Minicpm5),
    (&["[TOOL_CALLS]"], ToolFormat::Mistral),
    (&["<atem:function_calls>"], ToolFormat::MuseSpark),
    (&["<tool_call>", "tool_call.name"], ToolFormat::JsonTools),
    (&["<|start|>assistant", "<|channel|>"], ToolFormat::Harmony),
    (&["<｜tool▁calls▁begin｜>"], ToolFormat::Deepseek),
    (&["<|python_tag|>"], ToolFormat::Llama3),
    (&["<|start_header_id|>", "\"parameters\": dictionary of argument name"], ToolFormat::Llama3),
];

/// Tokens that no other vocabulary holds all of.
const TOKENS: &[(&[&str], ToolFormat)] = &[
    (&["<|open|>", "<|close|>", "<|sep|>", "<|end_of_msg|>"], ToolFormat::KimiK3),
    (&["<|tool_call_start|>", "<|tool_call_end|>"], ToolFormat::Pythonic),
];

impl ToolFormat {
    /// The format that a chat template writes calls in.
    pub fn of_template(source: &str) -> Option<Self> {
        first(SIGNS, |sign| source.contains(sign))
    }

    /// The format whose tokens a vocabulary has, as `has` tells of each.
    pub fn of_vocabulary(has: impl Fn(&str) -> bool) -> Option<Self> {
        first(TOKENS, has)
    }

    /// The format of models whose checkpoints do not say it, by the config's `model_type`.
    pub fn of_model_type(model_type: &str) -> Option<Self> {
        (model_type == "muse_spark").then_some(Self::MuseSpark)
    }
}

fn first(table: &[(&[&str], ToolFormat)], holds: impl Fn(&str) -> bool) -> Option<ToolFormat> {
    table.iter().find(|(signs, _)| signs.iter().all(|sign| holds(sign))).map(|(_, format)| *format)
}
