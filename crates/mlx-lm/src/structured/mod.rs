//! Texts of a given form: JSON by a schema, a regular expression, a context-free grammar.
//!
//! [`Grammars`] compiles a form for the vocabulary of one model, which [`LanguageModel::grammars`] keeps. What comes
//! of it is a [`Grammar`] for [`GenerateOptions::grammar`]; it can be used for any number of texts.
//!
//! ```no_run
//! use mlx_lm::GenerateOptions;
//!
//! let model = mlx_lm::load("HuggingFaceTB/SmolLM2-135M-Instruct")?;
//! let schema = serde_json::json!({
//!     "type": "object",
//!     "properties": { "city": { "type": "string", "maxLength": 40 }, "population": { "type": "integer" } },
//!     "required": ["city", "population"],
//!     "additionalProperties": false,
//! });
//! let grammar = Some(model.grammars()?.json_schema(&schema)?);
//! let prompt = model.encode("The largest city of France, as JSON: ")?;
//! for piece in model.generate(&prompt, GenerateOptions { grammar, ..GenerateOptions::default() })? {
//!     print!("{}", piece?.text);
//! }
//! # Ok::<(), mlx_lm::Error>(())
//! ```
//!
//! [`LanguageModel::grammars`]: crate::LanguageModel::grammars
//! [`GenerateOptions::grammar`]: crate::GenerateOptions::grammar

mod matcher;
mod vocabulary;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory, panic_utils};
use mlx_text::Tokenizer;
use serde_json::{Value, json};

use self::matcher::FormMatcher;
use crate::sampling::Grammar;
use crate::{Error, Result};

/// White space between the parts of a JSON text: a space, or a new line with its indentation. Without a bound, a
/// model can write spaces for ever.
const JSON_SPACE: &str = r" |\n {0,40}";

/// Compiles forms for the vocabulary of one model. Clones share it.
///
/// Schemas and grammars are those of [llguidance](https://docs.rs/llguidance).
#[derive(Clone)]
pub struct Grammars {
    parsers: Arc<ParserFactory>,
}

impl Grammars {
    /// For the tokens of `tokenizer` of which a model with `vocab_size` scores has one.
    ///
    /// # Errors
    /// The tokenizer names no token that ends a text, or cannot say what a token is.
    pub fn new(tokenizer: &Tokenizer, vocab_size: usize) -> Result<Self> {
        let tokens = vocabulary::environment(tokenizer, vocab_size)?;
        let parsers = AssertUnwindSafe(|| ParserFactory::new_simple(&tokens));
        let mut parsers = panic_utils::catch_unwind(parsers).map_err(refuse)?;
        parsers.quiet().limits_mut().verbose_errors = false;
        Ok(Self { parsers: Arc::new(parsers) })
    }

    /// JSON that a schema allows.
    ///
    /// Properties come in the order of the schema. White space is a space or a new line and its indentation, unless
    /// `x-guidance` in the schema says otherwise.
    ///
    /// # Errors
    /// The schema cannot be met, or has what cannot be held while text is written.
    pub fn json_schema(&self, schema: &Value) -> Result<Grammar> {
        let mut schema = schema.clone();
        if let Some(fields) = schema.as_object_mut() {
            fields.entry("x-guidance").or_insert_with(|| json!({ "whitespace_pattern": JSON_SPACE }));
        }
        self.compile(TopLevelGrammar::from_json_schema(schema))
    }

    /// Any JSON object.
    ///
    /// # Errors
    /// None that is known.
    pub fn json_object(&self) -> Result<Grammar> {
        self.json_schema(&json!({ "type": "object" }))
    }

    /// Text that a regular expression matches from its beginning to its end.
    ///
    /// # Errors
    /// The expression cannot be read, or looks around.
    pub fn regex(&self, pattern: &str) -> Result<Grammar> {
        self.compile(TopLevelGrammar::from_regex(pattern))
    }

    /// Text of a context-free grammar in the notation of Lark, which begins at its rule `start`.
    ///
    /// # Errors
    /// The grammar cannot be read.
    pub fn lark(&self, grammar: &str) -> Result<Grammar> {
        self.compile(TopLevelGrammar::from_lark(grammar.to_owned()))
    }

    /// One of some texts.
    ///
    /// # Errors
    /// There is none.
    pub fn choice<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>) -> Result<Grammar> {
        let texts: Vec<_> = texts.into_iter().map(|text| Value::from(text.as_ref()).to_string()).collect();
        if texts.is_empty() {
            return Err(Error::Grammar("there is no text to choose: give at least one".into()));
        }
        self.lark(&format!("start: {}", texts.join(" | ")))
    }

    fn compile(&self, form: TopLevelGrammar) -> Result<Grammar> {
        let parser = AssertUnwindSafe(|| self.parsers.create_parser(form));
        let compiled = FormMatcher::new(Matcher::new(panic_utils::catch_unwind(parser)))?;
        Ok(Grammar::new(move || Ok(Box::new(compiled.clone()))))
    }
}

impl std::fmt::Debug for Grammars {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Grammars")
    }
}

/// The chapter of the guide, whose code is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../../docs/guide/structured.md")]
pub struct Guide;

fn refuse(error: impl std::fmt::Display) -> Error {
    Error::Grammar(error.to_string())
}
