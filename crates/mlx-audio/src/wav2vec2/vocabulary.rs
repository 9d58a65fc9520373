//! The characters of a CTC head, as `vocab.json` and `tokenizer_config.json` list them.

use std::collections::BTreeMap;

use mlx_hub::Directory;
use serde::Deserialize;
use serde_json::Value;

use crate::codec::config::read;
use crate::ctc::Emission;
use crate::recognizer::TimedToken;
use crate::{Error, Result};

/// The texts of tokens; nothing for those that stand for none.
pub(super) struct Vocabulary {
    texts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(default)]
struct TokenizerConfig {
    word_delimiter_token: Option<Token>,
    pad_token: Option<Token>,
    bos_token: Option<Token>,
    eos_token: Option<Token>,
    unk_token: Option<Token>,
    do_lower_case: bool,
}

/// A token as a text, or as an object that has more about it.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Token {
    Text(String),
    Added { content: String },
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        let token = |text: &str| Some(Token::Text(text.to_owned()));
        Self {
            word_delimiter_token: token("|"),
            pad_token: token("<pad>"),
            bos_token: token("<s>"),
            eos_token: token("</s>"),
            unk_token: token("<unk>"),
            do_lower_case: false,
        }
    }
}

impl Token {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Added { content: text } => text,
        }
    }
}

impl Vocabulary {
    /// The vocabulary of a folder, if it has one, for a model that gives scores to so many tokens.
    ///
    /// # Errors
    /// A file is damaged, or a token is outside of what the model has.
    pub(super) fn open(directory: &Directory, size: i32) -> Result<Option<Self>> {
        if directory.file("vocab.json").is_none() {
            return Ok(None);
        }
        let config = match directory.file("tokenizer_config.json") {
            Some(_) => read(&directory.json("tokenizer_config.json")?)?,
            None => TokenizerConfig::default(),
        };
        Self::new(&directory.json("vocab.json")?, &config, size).map(Some)
    }

    fn new(vocab: &Value, config: &TokenizerConfig, size: i32) -> Result<Self> {
        let ids: BTreeMap<String, usize> = serde_json::from_value(vocab.clone())
            .map_err(|error| Error::config("vocab.json", error.to_string()))?;
        let mut texts = vec![String::new(); usize::try_from(size).unwrap_or(0)];
        let silent = [&config.pad_token, &config.bos_token, &config.eos_token, &config.unk_token];
        let is = |token: &Option<Token>, text: &str| token.as_ref().is_some_and(|token| token.text() == text);
        for (text, id) in ids {
            let Some(place) = texts.get_mut(id) else {
                let problem = format!("{text:?} is token {id}: the model has {size}");
                return Err(Error::config("vocab.json", problem));
            };
            *place = match &text {
                text if is(&config.word_delimiter_token, text) => " ".to_owned(),
                text if silent.iter().any(|token| is(token, text)) => String::new(),
                text if config.do_lower_case => text.to_lowercase(),
                _ => text,
            };
        }
        Ok(Self { texts })
    }

    /// The characters of emissions, of so many seconds a frame.
    pub(super) fn spoken(&self, emissions: &[Emission], seconds: f64) -> Vec<TimedToken> {
        let one = |emission: &Emission| {
            let text = self.texts.get(emission.token as usize).filter(|text| !text.is_empty())?;
            Some(TimedToken {
                token: emission.token,
                text: text.clone(),
                start: emission.frames.start as f64 * seconds,
                end: emission.frames.end as f64 * seconds,
                logprob: emission.logprob,
            })
        };
        emissions.iter().filter_map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn delimiters_are_spaces_and_what_is_no_text_is_silent() {
        let vocab = json!({"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5});
        let config = read(&json!({"do_lower_case": true, "pad_token": {"content": "<pad>"}})).unwrap();
        let vocabulary = Vocabulary::new(&vocab, &config, 6).unwrap();
        assert_eq!(vocabulary.texts, ["", "", "", "", " ", "a"]);
        let emission = |token, frames| Emission { token, frames, logprob: 0.0 };
        let found = vocabulary.spoken(&[emission(1, 0..1), emission(5, 1..3), emission(9, 3..4)], 0.02);
        assert_eq!((found.len(), found[0].start, found[0].end), (1, 0.02, 0.06));
        let message = Vocabulary::new(&vocab, &config, 5).err().unwrap().to_string();
        assert_eq!(message, "vocab.json: \"A\" is token 5: the model has 5");
    }
}
