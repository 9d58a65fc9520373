//! What the program `espeak-ng` says, in the signs of Kokoro.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use super::Token;
use crate::{Error, Result};

const PROGRAM: &str = "espeak-ng";

/// Two sounds that are one sign, tied as the program ties them.
const TIED: [(&str, &str); 11] = [
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^z", "ʣ"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("ə^ʊ", "Q"),
    ("s^s", "S"),
    ("t^s", "ʦ"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
];

/// What both kinds of English have besides.
const ENGLISH: [(&str, &str); 12] = [
    ("e^ə", "ɛː"),
    ("ə^l", "ᵊl"),
    ("ɚ", "əɹ"),
    ("n\u{329}", "ᵊn"),
    ("l\u{329}", "ᵊl"),
    ("e", "A"),
    ("r", "ɹ"),
    ("x", "k"),
    ("ç", "k"),
    ("ɐ", "ə"),
    ("ɬ", "l"),
    ("ʔ", "t"),
];

/// What American English has besides, and British English does not.
const AMERICAN: [(&str, &str); 5] = [("ɜːɹ", "ɜɹ"), ("ɜː", "ɜɹ"), ("ɪə", "iə"), ("ː", ""), ("ɾ", "T")];

/// Whether the program can be run.
pub(super) fn is_installed() -> bool {
    static INSTALLED: OnceLock<bool> = OnceLock::new();
    *INSTALLED.get_or_init(|| {
        let mut command = Command::new(PROGRAM);
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    })
}

/// Words and signs of a sentence. The program drops signs, so what is between them is said by itself.
pub(super) fn tokens(sentence: &str, language: &str) -> Result<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = sentence.trim();
    while !rest.is_empty() {
        let sign = rest.find(|letter| SIGNS.contains(letter)).unwrap_or(rest.len());
        let (words, after) = rest.split_at(sign);
        if !words.trim().is_empty() {
            let phonemes = signs(&said(words.trim(), language)?, language);
            let space = words.ends_with(char::is_whitespace);
            tokens.extend(words_of(words, &phonemes, space));
        }
        let next = after.find(|letter| !SIGNS.contains(letter)).unwrap_or(after.len());
        let (sign, after) = after.split_at(next);
        if !sign.is_empty() {
            let space = after.starts_with(char::is_whitespace);
            tokens.push(Token { text: sign.to_owned(), phonemes: sign.to_owned(), space });
        }
        rest = after.trim_start();
    }
    Ok(tokens)
}

/// Signs that Kokoro knows, too.
const SIGNS: &str = ";:,.!?—…\"()“”";

/// A token for each word, if as many were said as were written, else one for all.
fn words_of(words: &str, phonemes: &str, space: bool) -> Vec<Token> {
    let (written, said): (Vec<_>, Vec<_>) =
        (words.split_whitespace().collect(), phonemes.split_whitespace().collect());
    if written.len() != said.len() {
        let text = written.join(" ");
        return vec![Token { text, phonemes: said.join(" "), space }];
    }
    let last = written.len().saturating_sub(1);
    let token = |(at, (text, phonemes)): (usize, (&str, &str))| Token {
        text: text.to_owned(),
        phonemes: phonemes.to_owned(),
        space: at < last || space,
    };
    written.into_iter().zip(said).enumerate().map(token).collect()
}

/// The phonemes of an English word.
#[cfg(feature = "english")]
pub(super) fn word(word: &str, language: &str) -> Result<String> {
    Ok(signs(&said(word, language)?, language))
}

/// The program's phonemes in the signs of Kokoro.
fn signs(ipa: &str, language: &str) -> String {
    let mut signs = ipa.split_whitespace().collect::<Vec<_>>().join(" ");
    let (english, american): (&[_], &[_]) = match language {
        "en-us" => (&ENGLISH, &AMERICAN),
        "en-gb" => (&ENGLISH, &[]),
        _ => (&[], &[]),
    };
    for (from, to) in TIED.iter().chain(english).chain(american) {
        signs = signs.replace(from, to);
    }
    signs.replace(['^', '-', '\u{329}'], "")
}

/// What the program says of a text, which it reads from its input.
fn said(text: &str, language: &str) -> Result<String> {
    let failed =
        |error: &dyn std::fmt::Display| Error::option("text", text, format!("{PROGRAM} failed: {error}"));
    let mut command = Command::new(PROGRAM);
    command.args(["--ipa", "-q", "--stdin", "--tie=^", "-v", language]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    }
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    if !output.status.success() {
        return Err(failed(&output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sounds_that_are_tied_are_one_sign() {
        assert_eq!(signs("h_ə^l ˈɔ^ɪ", "fr-fr"), "h_əl ˈY");
        assert_eq!(signs("blˈɔːp ɹˈe^əɹi", "en-gb"), "blˈɔːp ɹˈɛːɹi");
        assert_eq!(signs("blˈɔːɹp d^ʒˈɜːni", "en-us"), "blˈɔɹp ʤˈɜɹni");
    }

    #[test]
    fn words_have_their_own_phonemes_if_there_are_as_many() {
        let found = words_of("hola que tal", "ˈola ke tˈal", false);
        assert_eq!(found.iter().map(|token| token.space).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(found[1].phonemes, "ke");
        assert_eq!(words_of("y 23", "i bejnti tɾes", true)[0].text, "y 23");
    }
}
