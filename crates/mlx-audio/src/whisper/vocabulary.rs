//! The tokens that stand for something else than text.

use std::collections::BTreeSet;
use std::ops::Range;

use mlx_text::Tokenizer;

use super::languages::{LANGUAGES, code};
use crate::{Error, Result};

/// What is written: the words as they are spoken, or in English.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// In the language that is spoken.
    #[default]
    Transcribe,
    /// In English.
    Translate,
}

/// A tokenizer, and the tokens that stand for something else than text.
pub(super) struct Vocabulary {
    pub(super) tokenizer: Tokenizer,
    /// The end of a window's text. All tokens of text come before it.
    pub(super) end: u32,
    pub(super) start: u32,
    pub(super) transcribe: u32,
    pub(super) translate: u32,
    /// What was written before comes behind it.
    pub(super) previous: u32,
    pub(super) no_speech: u32,
    pub(super) no_timestamps: u32,
    /// The token of time zero, behind which there are those of every later [`TICK`].
    pub(super) times: u32,
    /// Tokens of languages, none if the model knows English only.
    languages: Range<u32>,
    /// Tokens that are never written: signs that no one speaks, and most of those above.
    pub(super) suppressed: Vec<u32>,
}

/// Seconds between two tokens of times.
pub(super) const TICK: f64 = 0.02;

impl Vocabulary {
    /// The vocabulary of a tokenizer for a model that gives scores to so many tokens.
    pub(super) fn new(tokenizer: Tokenizer, size: u32) -> Result<Self> {
        let find = |names: &[&str]| {
            let id = names.iter().find_map(|name| tokenizer.id(name));
            let missing = || format!("{} is not in its vocabulary", names.join(" or "));
            id.filter(|&id| id < size).ok_or_else(|| Error::config("tokenizer.json", missing()))
        };
        let start = find(&["<|startoftranscript|>"])?;
        let transcribe = find(&["<|transcribe|>"])?;
        let translate = find(&["<|translate|>"])?;
        let no_timestamps = find(&["<|notimestamps|>"])?;
        let [previous, no_speech] = [find(&["<|startofprev|>"])?, find(&["<|nospeech|>", "<|nocaptions|>"])?];
        let end = find(&["<|endoftext|>"])?;
        // Models of English keep the tokens of languages, but have not learned them: they are one token short.
        let multilingual = size >= MULTILINGUAL;
        let languages = if multilingual { start + 1..transcribe.min(translate) } else { 0..0 };
        let special =
            [start, transcribe, translate, previous, no_speech, start_of_language_model(&tokenizer)];
        let mut suppressed = unspoken(&tokenizer)?;
        suppressed.extend(special);
        let times = no_timestamps + 1;
        if times >= size {
            let problem = format!("there are no times among its {size} tokens");
            return Err(Error::config("tokenizer.json", problem));
        }
        Ok(Self {
            end,
            start,
            transcribe,
            translate,
            previous,
            no_speech,
            no_timestamps,
            times,
            languages,
            suppressed: suppressed.into_iter().filter(|&id| id < size).collect(),
            tokenizer,
        })
    }

    /// Whether the model knows more than English.
    pub(super) fn is_multilingual(&self) -> bool {
        !self.languages.is_empty()
    }

    /// The tokens of all languages.
    pub(super) fn languages(&self) -> Range<u32> {
        self.languages.clone()
    }

    /// The code of the language of a token.
    pub(super) fn language(&self, token: u32) -> Option<&'static str> {
        let at = token.checked_sub(self.languages.start)?;
        LANGUAGES.get(at as usize).map(|(code, _)| *code)
    }

    /// What a window's text begins with.
    ///
    /// # Errors
    /// The language is not known, or the model knows English only and something else is asked for.
    pub(super) fn beginning(&self, language: &str, task: Task) -> Result<Vec<u32>> {
        if !self.is_multilingual() {
            return match (code(language), task) {
                (Some("en"), Task::Transcribe) => Ok(vec![self.start]),
                _ => Err(Error::option("language", language, "the model knows only to transcribe English")),
            };
        }
        let known = code(language).and_then(|code| self.tokenizer.id(&format!("<|{code}|>")));
        let token = known.filter(|token| self.languages.contains(token)).ok_or_else(|| {
            let known = self.languages().filter_map(|token| self.language(token)).collect::<Vec<_>>();
            Error::option("language", language, format!("known are {}", known.join(", ")))
        })?;
        let task = match task {
            Task::Transcribe => self.transcribe,
            Task::Translate => self.translate,
        };
        Ok(vec![self.start, token, task])
    }

    /// The time of a token, in seconds, if it is one of a time.
    pub(super) fn time(&self, token: u32) -> Option<f64> {
        token.checked_sub(self.times).map(|ticks| f64::from(ticks) * TICK)
    }

    /// The text of tokens, without what is not text.
    pub(super) fn text(&self, tokens: &[u32]) -> Result<String> {
        let text: Vec<_> = tokens.iter().copied().filter(|&token| token < self.end).collect();
        Ok(self.tokenizer.decode(&text, false)?)
    }
}

/// Models of more than English have at least so many tokens.
const MULTILINGUAL: u32 = 51_865;

fn start_of_language_model(tokenizer: &Tokenizer) -> u32 {
    tokenizer.id("<|startoflm|>").unwrap_or(u32::MAX)
}

/// Signs that are written but not spoken, such as brackets and notes of music.
const SIGNS: &str = "\" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- --- -( -[ (' (\" (( )) \
                     ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪";

/// Signs of several tokens, whose first is theirs alone.
const NOTES: &str = "♩ ♪ ♫ ♬ ♭ ♮ ♯";

/// The tokens of signs that are not spoken. A hyphen and an apostrophe within a word are left, those before one are not.
fn unspoken(tokenizer: &Tokenizer) -> Result<BTreeSet<u32>> {
    let mut tokens = BTreeSet::new();
    let encode = |text: &str| tokenizer.encode(text, false);
    for before in [" -", " '"] {
        tokens.extend(encode(before)?.first());
    }
    for (signs, notes) in [(SIGNS, false), (NOTES, true)] {
        for sign in signs.split_whitespace() {
            for text in [sign.to_owned(), format!(" {sign}")] {
                let encoded = encode(&text)?;
                if let [first, rest @ ..] = encoded.as_slice()
                    && (notes || rest.is_empty())
                {
                    tokens.insert(*first);
                }
            }
        }
    }
    Ok(tokens)
}

#[cfg(test)]
mod tests {
    use mlx_testkit::assets;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_never_written_is_what_checkpoints_list() {
        for (group, size) in [("whisper-tiny.en", 51_864), ("whisper-base", 51_865)] {
            let Some(path) = assets::find(group, "config.json") else { return };
            let config: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            let listed: Vec<u32> = serde_json::from_value(config["suppress_ids"].clone()).unwrap();
            let tokenizer = Tokenizer::from_dir(path.parent().unwrap()).unwrap();
            let vocabulary = Vocabulary::new(tokenizer, size).unwrap();
            assert_eq!(vocabulary.suppressed, listed, "{group}");
            assert_eq!(vocabulary.is_multilingual(), group == "whisper-base");
        }
    }
}
