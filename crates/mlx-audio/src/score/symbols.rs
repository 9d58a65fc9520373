//! What is no part of a word: brackets with what is in them, signs and marks.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

/// Letters that are no other letter with a mark, and what is written for them.
const LETTERS: [(char, &str); 8] =
    [('œ', "oe"), ('ø', "o"), ('æ', "ae"), ('ß', "ss"), ('đ', "d"), ('ð', "d"), ('þ', "th"), ('ł', "l")];

/// A space for each mark, sign and punctuation; letters keep their marks, as part of them (NFKC).
pub(super) fn without_signs(text: &str) -> String {
    text.nfkc().map(|letter| if is_sign(letter) { ' ' } else { letter }).collect()
}

/// As [`without_signs`], but letters lose their marks, and the signs in `keep` stay. The text is in lower case.
pub(super) fn without_marks(text: &str, keep: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.nfkd() {
        match LETTERS.iter().find(|(known, _)| *known == letter) {
            _ if keep.contains(letter) => plain.push(letter),
            Some((_, written)) => plain.push_str(written),
            None if letter.general_category() == GeneralCategory::NonspacingMark => {}
            None => plain.push(if is_sign(letter) { ' ' } else { letter }),
        }
    }
    plain
}

fn is_sign(letter: char) -> bool {
    use GeneralCategoryGroup::{Mark, Punctuation, Symbol};
    matches!(letter.general_category_group(), Mark | Symbol | Punctuation)
}

/// Whether a word can have this letter in it.
pub(super) fn is_of_word(letter: char) -> bool {
    use GeneralCategoryGroup::{Letter, Number};
    letter == '_' || matches!(letter.general_category_group(), Letter | Number)
}

/// The text without what is in brackets, and without them.
pub(super) fn without_brackets(text: &str) -> String {
    let square = without_spans(text, ['<', '['], ['>', ']'], 0);
    // `()` stays, and becomes spaces later.
    without_spans(&square, ['('; 2], [')'; 2], 1)
}

/// A text without everything from an opening sign to the closing sign behind it, with at least so many bytes between them.
fn without_spans(text: &str, opening: [char; 2], closing: [char; 2], least: usize) -> String {
    let mut rest = text;
    let mut kept = String::with_capacity(text.len());
    while let Some((before, inner)) = rest.split_once(opening) {
        kept.push_str(before);
        match inner.split_once(closing) {
            Some((within, behind)) if within.len() >= least => rest = behind,
            _ => {
                kept.extend(rest.get(before.len()..).and_then(|sign| sign.chars().next()));
                rest = inner;
            }
        }
    }
    kept + rest
}
