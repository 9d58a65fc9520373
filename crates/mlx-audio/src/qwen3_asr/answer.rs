//! What the model wrote, taken apart.

use super::languages;

/// What stands between the language and the text.
pub(super) const MARKER: &str = "<asr_text>";

/// A text, and the code of the language that the model heard, if it said so.
#[derive(Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) language: Option<String>,
    pub(super) text: String,
}

impl Answer {
    /// Takes `language X<asr_text>…` apart. What has no marker is all text.
    pub(super) fn parse(written: &str) -> Self {
        let (before, text) = written.split_once(MARKER).unwrap_or(("", written));
        let first = before.trim().lines().next().unwrap_or_default().trim();
        let word = first.get(..LANGUAGE.len()).filter(|word| word.eq_ignore_ascii_case(LANGUAGE));
        let named = word.and_then(|word| first.get(word.len()..)).unwrap_or(first).trim();
        let known = !named.is_empty() && !named.eq_ignore_ascii_case("none");
        Self { language: known.then(|| languages::code(named)), text: without_loops(text.trim()) }
    }
}

const LANGUAGE: &str = "language ";

/// So often must something stand in a row to be a loop of the model.
const TIMES: usize = 20;

/// Letters of what is repeated, at most.
const LONGEST: usize = 20;

/// The text with what a model repeats in a loop said once: a letter more than 20 times in a row, or up to 20 letters that
/// stand there 20 times or more, as Qwen's own package has it.
fn without_loops(text: &str) -> String {
    let letters = without_runs(text);
    let (mut kept, mut at) = (String::new(), 0);
    while let Some(rest) = letters.get(at..).filter(|rest| rest.len() >= 2 * TIMES) {
        let looped = (1..=LONGEST).find(|&length| repeats(rest, length) >= TIMES);
        let length = looped.unwrap_or(1);
        kept.extend(rest.iter().take(length));
        at += looped.map_or(1, |length| length * repeats(rest, length));
    }
    kept.extend(letters.get(at..).unwrap_or_default());
    kept
}

/// The letters, of which those that stand there too often in a row stand there once.
fn without_runs(text: &str) -> Vec<char> {
    let letters: Vec<char> = text.chars().collect();
    let runs = letters.chunk_by(|a, b| a == b);
    runs.flat_map(|run| run.get(..if run.len() > TIMES { 1 } else { run.len() }).unwrap_or_default())
        .copied()
        .collect()
}

/// How often the first letters, so many, stand in a row.
fn repeats(letters: &[char], length: usize) -> usize {
    let Some(first) = letters.get(..length) else { return 0 };
    letters.chunks(length).take_while(|part| *part == first).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(written: &str) -> (Option<&'static str>, String) {
        let Answer { language, text } = Answer::parse(written);
        (language.map(|language| &*language.leak()), text)
    }

    #[test]
    fn the_language_comes_before_the_text() {
        assert_eq!(parsed("language English<asr_text> Hello. "), (Some("en"), "Hello.".into()));
        assert_eq!(parsed("Language Cantonese\n<asr_text>好"), (Some("yue"), "好".into()));
        assert_eq!(parsed("language Klingon<asr_text>nuqneH"), (Some("klingon"), "nuqneH".into()));
        assert_eq!(parsed("French<asr_text>Oui"), (Some("fr"), "Oui".into()));
    }

    #[test]
    fn what_has_no_language_is_text() {
        assert_eq!(parsed("language None<asr_text>"), (None, String::new()));
        assert_eq!(parsed("<asr_text>Hm"), (None, "Hm".into()));
        assert_eq!(parsed("The language English is old."), (None, "The language English is old.".into()));
        assert_eq!(parsed(""), (None, String::new()));
    }

    #[test]
    fn loops_are_said_once() {
        assert_eq!(without_loops(&"a".repeat(21)), "a");
        assert_eq!(without_loops(&"a".repeat(20)), "a".repeat(20));
        assert_eq!(without_loops(&format!("so {}end", "ha ".repeat(30))), "so ha end");
        assert_eq!(without_loops(&"ha".repeat(20)), "ha");
        assert_eq!(without_loops(&"ha ".repeat(19)), "ha ".repeat(19));
        let long = "twenty letters long.".repeat(25);
        assert_eq!(without_loops(&long), "twenty letters long.");
        let longer = "twenty-one letters it.".repeat(25);
        assert_eq!(without_loops(&longer), longer);
    }
}
