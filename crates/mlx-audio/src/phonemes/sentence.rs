//! Texts cut into sentences.

/// Words that a full stop follows within a sentence.
const SHORTENED: [&str; 36] = [
    "mr", "mrs", "ms", "dr", "prof", "st", "rev", "hon", "gen", "gov", "sen", "rep", "capt", "lt", "col",
    "sgt", "maj", "cmdr", "vs", "no", "nos", "vol", "fig", "figs", "pp", "p", "ed", "eds", "cf", "al",
    "approx", "e.g", "i.e", "ca", "viz", "messrs",
];

/// The sentences of a text, each with its signs, and one space wherever it has any. All but spaces is in one of them.
///
/// A sentence ends behind its signs, and where a line is empty.
pub fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    for paragraph in paragraphs(text) {
        let mut sentence = String::new();
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        for (at, word) in words.iter().enumerate() {
            if !sentence.is_empty() {
                sentence.push(' ');
            }
            sentence.push_str(word);
            if words.get(at + 1).is_none_or(|next| ends(word, next)) {
                sentences.push(std::mem::take(&mut sentence));
            }
        }
    }
    sentences
}

/// Lines between those that are empty.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines() {
        match paragraphs.last_mut() {
            Some(last) if !line.trim().is_empty() => {
                last.push_str(line);
                last.push('\n');
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs
}

/// Whether a sentence ends behind a word before another.
fn ends(word: &str, next: &str) -> bool {
    let bare = word.trim_end_matches(['"', '\'', '”', '’', ')', ']', '»']);
    let Some(last) = bare.chars().last() else { return false };
    if matches!(last, '!' | '?' | '…' | '。' | '！' | '？' | '।') {
        return !begins_small(next);
    }
    if last != '.' || begins_small(next) {
        return false;
    }
    let before = bare.trim_end_matches('.').trim_start_matches(['"', '\'', '“', '‘', '(', '[', '«']);
    let is_initial = before.chars().count() == 1 && before.chars().all(char::is_uppercase) && before != "I";
    bare.ends_with("..") || !(is_initial || is_shortened(before))
}

/// Whether a word is written short, with a full stop behind it.
pub(super) fn is_shortened(word: &str) -> bool {
    SHORTENED.contains(&word.to_lowercase().as_str())
}

/// Whether a word goes on with what was said: `"Stop!" he said.`
fn begins_small(word: &str) -> bool {
    word.chars().find(|letter| letter.is_alphanumeric()).is_some_and(char::is_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_behind_their_signs() {
        let text =
            "Mr. Smith paid $3.50 to J. R. Hall.  He left! \"Why?\" she asked... Then\nnothing.\n\nThe end";
        assert_eq!(
            sentences(text),
            [
                "Mr. Smith paid $3.50 to J. R. Hall.",
                "He left!",
                "\"Why?\" she asked...",
                "Then nothing.",
                "The end"
            ]
        );
        assert!(sentences(" \n\n ").is_empty());
        assert_eq!(sentences("So do I. You too?"), ["So do I.", "You too?"]);
    }

    #[test]
    fn nothing_but_spaces_is_lost() {
        let text = "One, two. «Trois!»  (e.g. this)\n\n\n- item…\tand 4.5? Yes.No\r\n!? \u{a0} end";
        let bare = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(bare(&sentences(text).concat()), bare(text));
    }
}
