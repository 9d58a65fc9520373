//! The languages that the models were published for.

use crate::{Error, Result};

/// Codes, and the names that the models know them by.
const LANGUAGES: [(&str, &str); 30] = [
    ("ar", "Arabic"),
    ("cs", "Czech"),
    ("da", "Danish"),
    ("de", "German"),
    ("el", "Greek"),
    ("en", "English"),
    ("es", "Spanish"),
    ("fa", "Persian"),
    ("fi", "Finnish"),
    ("fil", "Filipino"),
    ("fr", "French"),
    ("hi", "Hindi"),
    ("hu", "Hungarian"),
    ("id", "Indonesian"),
    ("it", "Italian"),
    ("ja", "Japanese"),
    ("ko", "Korean"),
    ("mk", "Macedonian"),
    ("ms", "Malay"),
    ("nl", "Dutch"),
    ("pl", "Polish"),
    ("pt", "Portuguese"),
    ("ro", "Romanian"),
    ("ru", "Russian"),
    ("sv", "Swedish"),
    ("th", "Thai"),
    ("tr", "Turkish"),
    ("vi", "Vietnamese"),
    ("yue", "Cantonese"),
    ("zh", "Chinese"),
];

/// The name of a language that is given by code or name, among those published and `more`.
pub(super) fn name(language: &str, more: &[String]) -> Result<String> {
    let same = |name: &str| name.eq_ignore_ascii_case(language);
    if let Some((_, name)) = LANGUAGES.iter().find(|(code, name)| same(code) || same(name)) {
        return Ok((*name).to_owned());
    }
    more.iter().find(|name| same(name)).cloned().ok_or_else(|| {
        let known = LANGUAGES.map(|(code, _)| code).join(", ");
        Error::option("language", language, format!("known are {known}, or their English names"))
    })
}

/// The code of a language, or its name in small letters if it has none here.
pub(super) fn code(name: &str) -> String {
    let found = LANGUAGES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name));
    found.map_or_else(|| name.to_lowercase(), |(code, _)| (*code).to_owned())
}
