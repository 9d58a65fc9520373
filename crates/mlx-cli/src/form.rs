//! The form that a text must have.

use std::fs;

use clap::Args;
use mlx_lm::LanguageModel;
use mlx_lm::sampling::Grammar;

use crate::failure::Outcome;

/// The form that the text must have; one of these at most.
#[derive(Debug, Args)]
#[command(next_help_heading = "The form of the text")]
#[group(multiple = false)]
pub(crate) struct Form {
    /// JSON that this schema allows: the schema itself, or a file that holds it
    #[arg(long, value_name = "JSON|FILE")]
    json_schema: Option<String>,
    /// Text that this regular expression matches
    #[arg(long, value_name = "PATTERN")]
    regex: Option<String>,
    /// Text of the grammar in this file, in the notation of Lark
    #[arg(long, value_name = "FILE")]
    grammar: Option<String>,
}

impl Form {
    /// Whether any text will do.
    pub(crate) fn is_free(&self) -> bool {
        self.json_schema.is_none() && self.regex.is_none() && self.grammar.is_none()
    }

    /// The grammar of the form, if there is one.
    pub(crate) fn grammar(&self, model: &LanguageModel) -> Outcome<Option<Grammar>> {
        if let Some(schema) = &self.json_schema {
            let schema = if schema.trim_start().starts_with('{') { schema.clone() } else { read(schema)? };
            let schema = serde_json::from_str(&schema).map_err(|why| format!("--json-schema: {why}"))?;
            return Ok(Some(model.grammars()?.json_schema(&schema)?));
        }
        if let Some(pattern) = &self.regex {
            return Ok(Some(model.grammars()?.regex(pattern)?));
        }
        let Some(file) = &self.grammar else { return Ok(None) };
        Ok(Some(model.grammars()?.lark(&read(file)?)?))
    }
}

fn read(file: &str) -> Result<String, String> {
    fs::read_to_string(file).map_err(|why| format!("{file}: {why}"))
}
