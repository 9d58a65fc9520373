//! Chat templates: a conversation to the text a model was trained on.
//!
//! Templates are Jinja as Hugging Face transformers runs it: trimmed blocks, loop controls, Python's
//! string and dict methods, `raise_exception`, `strftime_now` and a `tojson` like `json.dumps`.

use std::{collections::BTreeMap, path::Path};

use minijinja::{Environment, ErrorKind, Value};
use serde_json::{Map, Value as Json, json};

use crate::{
    Error, Message, Result, python,
    special_tokens::{SpecialTokens, read_json, read_text},
};

/// Instructions a template may run: thousands of messages need a hundredth of it.
const FUEL: u64 = 20_000_000;

/// A model's chat template, of which some models bring several by name.
///
/// ```
/// use mlx_text::{ChatOptions, ChatTemplate, Message};
///
/// let template = ChatTemplate::new(
///     "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}\
///      {% if add_generation_prompt %}<assistant>{% endif %}",
/// );
/// let text = template.render(&[Message::user("Hi")], &ChatOptions::default())?;
/// assert_eq!(text, "<user>Hi\n<assistant>");
/// # Ok::<(), mlx_text::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ChatTemplate {
    sources: BTreeMap<String, String>,
    special_tokens: SpecialTokens,
    /// What stands for an image where messages are texts alone.
    image: Option<String>,
}

/// What a chat template is rendered with, besides the messages.
#[derive(Clone, Debug)]
pub struct ChatOptions {
    /// Ends with the header of the answer, for the model to go on from (default true).
    pub add_generation_prompt: bool,
    /// Functions the model may call: a JSON list of schemas.
    pub tools: Option<Json>,
    /// Further variables for the template, such as `enable_thinking`.
    pub variables: Map<String, Json>,
}

impl Default for ChatOptions {
    fn default() -> Self {
        Self { add_generation_prompt: true, tools: None, variables: Map::new() }
    }
}

impl ChatTemplate {
    /// A template from its source; a mistake in it is reported by [`render`](Self::render).
    pub fn new(source: impl Into<String>) -> Self {
        Self::named([("default".to_owned(), source.into())])
    }

    /// Finds a checkpoint's template: `chat_template.jinja`, else the `chat_template` of
    /// `tokenizer_config.json` or `chat_template.json`.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Option<Self>> {
        let dir = dir.as_ref();
        if let Some(source) = read_text(&dir.join("chat_template.jinja"))? {
            return Ok(Some(Self::new(source)));
        }
        for name in ["tokenizer_config.json", "chat_template.json"] {
            let path = dir.join(name);
            let config = read_json(&path)?;
            match config.as_ref().and_then(|config| config.get("chat_template")) {
                None | Some(Json::Null) => {}
                Some(value) => return Self::from_json(&path, value).map(Some),
            }
        }
        Ok(None)
    }

    /// This template, in whose messages `image` stands for each image, before the text, if it takes texts alone. One that
    /// knows of parts stays as it is.
    ///
    /// ```
    /// use mlx_text::{ChatOptions, ChatTemplate, Message};
    /// use serde_json::json;
    ///
    /// let template = ChatTemplate::new("{% for m in messages %}{{ m.role + ': ' + m.content }}{% endfor %}");
    /// let mut message = Message::user("");
    /// message.content = Some(json!([{"type": "image"}, {"type": "text", "text": "What?"}]));
    /// let text = template.with_image("<image>\n").render(&[message], &ChatOptions::default())?;
    /// assert_eq!(text, "user: <image>\nWhat?");
    /// # Ok::<(), mlx_text::Error>(())
    /// ```
    #[must_use]
    pub fn with_image(self, image: impl Into<String>) -> Self {
        let knows = |source: &String| {
            [".type", "'type'", "\"type\"", "image"].iter().any(|word| source.contains(word))
        };
        if self.sources.values().any(knows) { self } else { Self { image: Some(image.into()), ..self } }
    }

    /// The text of a conversation.
    pub fn render(&self, messages: &[Message], options: &ChatOptions) -> Result<String> {
        let source = plain_blocks(self.source(options.tools.is_some())?);
        let environment = environment();
        let template = environment.template_from_named_str("chat_template", &source).map_err(describe)?;
        let written =
            |image: &String| messages.iter().map(|message| message.written(image)).collect::<Vec<_>>();
        let written = self.image.as_ref().map(written);
        let messages = written.as_deref().unwrap_or(messages);
        template.render(self.variables(messages, options)).map_err(describe)
    }

    pub(crate) fn with_special_tokens(self, special_tokens: SpecialTokens) -> Self {
        Self { special_tokens, ..self }
    }

    fn named(sources: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { sources: sources.into_iter().collect(), special_tokens: SpecialTokens::default(), image: None }
    }

    fn from_json(path: &Path, value: &Json) -> Result<Self> {
        if let Some(source) = value.as_str() {
            return Ok(Self::new(source));
        }
        let pair = |entry: &Json| {
            let text = |key| Some(entry.get(key)?.as_str()?.to_owned());
            Some((text("name")?, text("template")?))
        };
        let pairs = value.as_array().and_then(|list| list.iter().map(pair).collect::<Option<Vec<_>>>());
        pairs.map(Self::named).ok_or_else(|| {
            Error::malformed(path, "chat_template is neither a string nor a list of name and template")
        })
    }

    /// What `chat_template` is in a `tokenizer_config.json`.
    pub fn to_json(&self) -> Json {
        match (self.sources.len(), self.sources.get("default")) {
            (1, Some(source)) => source.as_str().into(),
            _ => {
                self.sources.iter().map(|(name, source)| json!({"name": name, "template": source})).collect()
            }
        }
    }

    /// The source for conversations with tools or without.
    pub(crate) fn source(&self, tools: bool) -> Result<&str> {
        let tool_use = if tools { self.sources.get("tool_use") } else { None };
        tool_use.or_else(|| self.sources.get("default")).map(String::as_str).ok_or_else(|| {
            let names: Vec<_> = self.sources.keys().map(String::as_str).collect();
            Error::template(format!("none is named 'default', only: {}", names.join(", ")))
        })
    }

    /// The variables of the template, of which the later win.
    fn variables(&self, messages: &[Message], options: &ChatOptions) -> Value {
        let unset = [("documents", Value::from(()))];
        let special = self.special_tokens.iter().map(|(name, token)| (name, token.into()));
        let given =
            options.variables.iter().map(|(name, value)| (name.as_str(), Value::from_serialize(value)));
        let fixed = [
            ("messages", Value::from_serialize(messages)),
            ("tools", Value::from_serialize(&options.tools)),
            ("add_generation_prompt", options.add_generation_prompt.into()),
        ];
        unset.into_iter().chain(special).chain(given).chain(fixed).collect()
    }
}

fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.set_formatter(|out, _, value| Ok(out.write_str(&python::str(value)?)?));
    environment.add_filter("tojson", python::json);
    environment.add_filter("string", python::str);
    environment.add_test("sequence", python::is_sequence);
    environment.add_test("iterable", python::is_iterable);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment
}

fn raise_exception(message: String) -> Result<Value, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

fn strftime_now(format: &str) -> Result<String, minijinja::Error> {
    jiff::fmt::strtime::format(format, &jiff::Zoned::now())
        .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))
}

fn describe(error: minijinja::Error) -> Error {
    let message = match error.kind() {
        ErrorKind::OutOfFuel => format!("stopped after {FUEL} steps, it does not seem to end"),
        kind => error.detail().map_or_else(|| kind.to_string(), str::to_owned),
    };
    match error.line() {
        Some(line) => Error::template(format!("{message} (line {line})")),
        None => Error::template(message),
    }
}

/// Turns `{% generation %}`, which marks the assistant's words for training, into a block that does nothing.
fn plain_blocks(source: &str) -> String {
    let mut plain = String::with_capacity(source.len());
    let mut rest = source;
    while let Some((before, tag)) = rest.split_once("{%") {
        plain.push_str(before);
        plain.push_str("{%");
        let name = tag.trim_start_matches(['-', '+']).trim_start();
        plain.push_str(tag.strip_suffix(name).unwrap_or_default());
        let word = name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        plain.push_str(match word {
            "generation" => "if true",
            "endgeneration" => "endif",
            other => other,
        });
        rest = name.strip_prefix(word).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generation_marks_keep_their_whitespace_control() {
        assert_eq!(
            plain_blocks("a{%- generation -%} b {% endgeneration %}{% set generation = 1 %}{% ü %}"),
            "a{%- if true -%} b {% endif %}{% set generation = 1 %}{% ü %}"
        );
    }
}
