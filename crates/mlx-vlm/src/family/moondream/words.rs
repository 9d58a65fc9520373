//! What the authors of Moondream put around a question: tokens by number, for which checkpoints have no template.

use mlx_text::Tokenizer;
use serde::Deserialize;

use crate::{Error, Result};

/// The tokens by what they are for.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Words {
    bos_id: u32,
    /// Of a width and a height that are shown, not told.
    pub(super) size_id: u32,
    pub(super) eos_id: u32,
    templates: Templates,
}

impl Default for Words {
    fn default() -> Self {
        Self { bos_id: 0, size_id: 6, eos_id: 0, templates: Templates::default() }
    }
}

/// What a model can be asked, each missing where it cannot.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Templates {
    query: Option<Around>,
    detect: Option<Around>,
    point: Option<Around>,
}

impl Default for Templates {
    fn default() -> Self {
        let around = |prefix: &[u32]| Some(Around { prefix: prefix.to_vec(), suffix: vec![3] });
        Self {
            query: around(&[1, 15381, 2]),
            detect: around(&[1, 7235, 476, 2]),
            point: around(&[1, 2581, 2]),
        }
    }
}

/// The tokens before and after what is asked.
#[derive(Clone, Debug, Deserialize)]
struct Around {
    prefix: Vec<u32>,
    suffix: Vec<u32>,
}

/// What stands for an image in a text, as often as the model takes vectors of it.
pub(super) const IMAGE: &str = "<image>";

impl Words {
    /// The chat template. A token of number 3 is `<token 3>` in it.
    ///
    /// As the authors' code has it, where no thoughts are asked for, the end of a question stands twice.
    pub(super) fn template(&self) -> Option<String> {
        let [before, after] = self.templates.query.as_ref()?.texts();
        let first = spelled(&[self.bos_id]);
        Some(format!(
            "{first}{{% for message in messages %}}{{% if message.content is string %}}\
             {{% set text = message.content %}}{{% else %}}\
             {{% set text = message.content | selectattr('text') | map(attribute='text') | join %}}\
             {{% for part in message.content if part.type == 'image' %}}{IMAGE}{{% endfor %}}{{% endif %}}\
             {{% if message.role == 'user' %}}{before}{{{{ text }}}}{after}{after}\
             {{% else %}}{{{{ text }}}}{{% endif %}}{{% endfor %}}"
        ))
    }

    /// What asks where in an image things are: their middles, or boxes around them if `sized`. What they are stands between
    /// the two.
    pub(super) fn request(&self, sized: bool) -> Option<[String; 2]> {
        let around = if sized { &self.templates.detect } else { &self.templates.point };
        let [before, after] = around.as_ref()?.texts();
        Some([format!("{}{IMAGE}{before} ", spelled(&[self.bos_id])), after])
    }
}

impl Around {
    fn texts(&self) -> [String; 2] {
        [spelled(&self.prefix), spelled(&self.suffix)]
    }
}

/// Tokens as [`encode`] reads them.
fn spelled(tokens: &[u32]) -> String {
    tokens.iter().map(|token| format!("<token {token}>")).collect()
}

/// The tokens of a text in which [`IMAGE`] stands for `placeholder`, and others by number.
///
/// # Errors
/// The tokenizer is the one that checkpoints carry, but that the model does not know.
pub(super) fn encode(text: &str, placeholder: u32, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
    const GPT2_END: u32 = 50_256;
    if tokenizer.id("<|endoftext|>") == Some(GPT2_END) {
        return Err(Error::Prompt(
            "tokenizer.json is that of GPT-2, which the model does not know: put that of `moondream/starmie-v1` in its \
             place"
                .into(),
        ));
    }
    let (mut tokens, mut plain) = (Vec::new(), String::new());
    let mut parts = text.split('<');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let Some((token, rest)) = named(part, placeholder) else {
            plain.push('<');
            plain.push_str(part);
            continue;
        };
        tokens.extend(tokenizer.encode(&plain, false)?);
        tokens.push(token);
        rest.clone_into(&mut plain);
    }
    tokens.extend(tokenizer.encode(&plain, false)?);
    Ok(tokens)
}

/// The token that a text names which follows a `<`, and what is behind it.
fn named(text: &str, placeholder: u32) -> Option<(u32, &str)> {
    let (name, rest) = text.split_once('>')?;
    match name.strip_prefix("token ") {
        Some(number) => Some((number.parse().ok()?, rest)),
        None => (name == "image").then_some((placeholder, rest)),
    }
}
