//! English texts as they are compared.

use std::collections::HashMap;

use super::basic::spaced;
use super::numbers::in_digits;
use super::symbols::{is_of_word, without_brackets, without_marks};

/// Makes English texts comparable, as Whisper's `EnglishTextNormalizer` does: lower case, without signs, hesitation and what is
/// in brackets; contractions and titles are written out, and numbers are in digits.
///
/// British spellings stay as they are: Whisper's list of them is not part of this crate. It, or another, can be
/// [given](Self::with_spellings).
#[derive(Clone, Debug, Default)]
pub struct EnglishNormalizer {
    spellings: HashMap<String, String>,
}

/// Words that say nothing.
const HESITATION: [&str; 6] = ["hmm", "mm", "mhm", "mmm", "uh", "um"];

/// Words and what they stand for, in the order of Whisper's rules.
const WORDS: [(&str, &str); 35] = [
    ("won't", "will not"),
    ("can't", "can not"),
    ("let's", "let us"),
    ("ain't", "aint"),
    ("y'all", "you all"),
    ("wanna", "want to"),
    ("gotta", "got to"),
    ("gonna", "going to"),
    ("i'ma", "i am going to"),
    ("imma", "i am going to"),
    ("woulda", "would have"),
    ("coulda", "could have"),
    ("shoulda", "should have"),
    ("ma'am", "madam"),
    ("mr", "mister "),
    ("mrs", "missus "),
    ("st", "saint "),
    ("dr", "doctor "),
    ("prof", "professor "),
    ("capt", "captain "),
    ("gov", "governor "),
    ("ald", "alderman "),
    ("gen", "general "),
    ("sen", "senator "),
    ("rep", "representative "),
    ("pres", "president "),
    ("rev", "reverend "),
    ("hon", "honorable "),
    ("asst", "assistant "),
    ("assoc", "associate "),
    ("lt", "lieutenant "),
    ("col", "colonel "),
    ("jr", "junior "),
    ("sr", "senior "),
    ("esq", "esquire "),
];

/// Ends of words and what they stand for, in the order of Whisper's rules.
const ENDS: [(&str, &str); 14] = [
    ("'d been", " had been"),
    ("'s been", " has been"),
    ("'d gone", " had gone"),
    ("'s gone", " has gone"),
    ("'d done", " had done"),
    ("'s got", " has got"),
    ("n't", " not"),
    ("'re", " are"),
    ("'s", " is"),
    ("'d", " would"),
    ("'ll", " will"),
    ("'t", " not"),
    ("'ve", " have"),
    ("'m", " am"),
];

/// Signs that belong to numbers.
const OF_NUMBERS: &str = ".%$¢€£";

impl EnglishNormalizer {
    /// With words to replace, such as `colour` by `color`: Whisper's are the JSON file in its folder of normalisers.
    #[must_use]
    pub fn with_spellings(spellings: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { spellings: spellings.into_iter().collect() }
    }

    /// The text with one space between words, and none at its ends.
    pub fn normalize(&self, text: &str) -> String {
        let mut text = without_brackets(&text.to_lowercase());
        for word in HESITATION {
            text = replaced(&text, word, "", true);
        }
        text = apostrophes_closed(&text);
        for (word, written) in WORDS {
            text = replaced(&text, word, written, true);
        }
        for (end, written) in ENDS {
            text = replaced(&text, end, written, false);
        }
        let text = without_marks(&without_stops(&without_commas(&text)), OF_NUMBERS);
        let numbers = in_digits(&text);
        let spelled =
            numbers.split_whitespace().map(|word| self.spellings.get(word).map_or(word, |word| word));
        let text = without_lone_signs(&spelled.collect::<Vec<_>>().join(" "));
        spaced(text.split_whitespace())
    }
}

/// A text with each `part` replaced that ends with a word and, if `is_whole`, begins with one.
fn replaced(text: &str, part: &str, by: &str, is_whole: bool) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in text.match_indices(part) {
        let end = at + part.len();
        let (before, behind) = (text.get(..at).unwrap_or_default(), text.get(end..).unwrap_or_default());
        let is_begun = before.chars().next_back().is_some_and(is_of_word);
        if at < from || is_whole && is_begun || behind.chars().next().is_some_and(is_of_word) {
            continue;
        }
        kept.push_str(text.get(from..at).unwrap_or_default());
        kept.push_str(by);
        from = end;
    }
    kept + text.get(from..).unwrap_or_default()
}

/// No spaces before apostrophes.
fn apostrophes_closed(text: &str) -> String {
    let mut closed = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter == '\'' {
            closed.truncate(closed.trim_end().len());
        }
        closed.push(letter);
    }
    closed
}

/// Without the commas between digits. A digit is beside one comma only, as `1,2,3` is no number.
fn without_commas(text: &str) -> String {
    rewritten(text, |rest| match rest {
        [first, ',', last, ..] if first.is_ascii_digit() && last.is_ascii_digit() => {
            Some((3, format!("{first}{last}")))
        }
        _ => None,
    })
}

/// Spaces for full stops, but for those in numbers.
fn without_stops(text: &str) -> String {
    rewritten(text, |rest| match rest {
        ['.'] => Some((1, " ".to_owned())),
        ['.', next, ..] if !next.is_ascii_digit() => Some((2, format!(" {next}"))),
        _ => None,
    })
}

/// Spaces for signs of numbers with no number beside them.
fn without_lone_signs(text: &str) -> String {
    let text = rewritten(text, |rest| match rest {
        ['.' | '$' | '¢' | '€' | '£', next, ..] if !next.is_ascii_digit() => {
            Some((2, format!(" {next}")))
        }
        _ => None,
    });
    rewritten(&text, |rest| match rest {
        [before, '%', ..] if !before.is_ascii_digit() => Some((2, format!("{before} "))),
        _ => None,
    })
}

/// A text in which `rule` sees what is left at each letter, and says how many letters it takes and what becomes of them.
pub(super) fn rewritten(text: &str, rule: impl Fn(&[char]) -> Option<(usize, String)>) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut rest = letters.as_slice();
    let mut written = String::with_capacity(text.len());
    while let Some((first, behind)) = rest.split_first() {
        if let Some((taken, by)) = rule(rest) {
            written.push_str(&by);
            rest = rest.get(taken.max(1)..).unwrap_or_default();
        } else {
            written.push(*first);
            rest = behind;
        }
    }
    written
}
