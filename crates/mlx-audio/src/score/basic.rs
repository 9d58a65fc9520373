//! Texts of any language as they are compared.

use unicode_segmentation::UnicodeSegmentation;

use super::symbols::{without_brackets, without_marks, without_signs};

/// Makes texts of any language comparable: lower case, without signs and without what is in brackets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BasicNormalizer {
    /// Whether letters lose their marks: `é` becomes `e`, and `ß` becomes `ss`.
    pub remove_diacritics: bool,
    /// Whether spaces are put between letters, for languages that are written without any.
    pub split_letters: bool,
}

impl BasicNormalizer {
    /// The text with one space between words, and none at its ends.
    pub fn normalize(&self, text: &str) -> String {
        let text = without_brackets(&text.to_lowercase());
        let plain = if self.remove_diacritics { without_marks(&text, "") } else { without_signs(&text) };
        let plain = plain.to_lowercase();
        if self.split_letters {
            return spaced(plain.graphemes(true));
        }
        spaced(plain.split_whitespace())
    }
}

/// What is no space, with one space between.
pub(super) fn spaced<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    parts.map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}
