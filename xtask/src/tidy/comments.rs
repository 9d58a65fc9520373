//! Comments say why, once, and briefly.

use std::collections::BTreeMap;

use super::source::{Comment, Kind};
use super::tree::{Breach, File, Tree};

const DOC_LINES: usize = 12;
const SAME_SAFETY: usize = 2;
const LEFTOVERS: [&str; 3] = ["TODO", "FIXME", "XXX"];

/// Issue numbers, leftovers, banners, long docs, and one `SAFETY` text in many places.
pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut safety: BTreeMap<String, Vec<(&File, usize)>> = BTreeMap::new();
    for (file, source) in tree.sources() {
        breaches.extend(source.comments.iter().flat_map(|comment| check_line(file, comment)));
        for block in source.blocks() {
            breaches.extend(check_length(file, block));
            if let Some((text, line)) = safety_text(block) {
                safety.entry(text).or_default().push((file, line));
            }
        }
    }
    for places in safety.values().filter(|places| places.len() > SAME_SAFETY) {
        let message = format!("the same SAFETY text in {} places; make it one function", places.len());
        breaches
            .extend(places.iter().skip(SAME_SAFETY).map(|(file, line)| file.breach(*line, message.clone())));
    }
    breaches
}

fn check_line(file: &File, comment: &Comment) -> Vec<Breach> {
    let mut messages = Vec::new();
    if has_issue_number(&comment.text) {
        messages.push("an issue number in a comment; say what is so".to_owned());
    }
    let mut words = comment.text.split(|letter: char| !letter.is_alphanumeric());
    if let Some(word) = words.find(|word| LEFTOVERS.contains(word)) {
        messages.push(format!("{word} in a comment; do it or drop it"));
    }
    if is_banner(&comment.text) {
        messages.push("a banner; split the file instead".to_owned());
    }
    messages.into_iter().map(|message| file.breach(comment.line, message)).collect()
}

fn has_issue_number(text: &str) -> bool {
    text.split(|letter: char| letter.is_whitespace() || "()[],;:".contains(letter))
        .filter_map(|word| word.split_once('#'))
        .any(|(_, rest)| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// A line drawn with signs, alone or around a heading.
fn is_banner(text: &str) -> bool {
    let drawn = |signs: &mut dyn Iterator<Item = char>| {
        let Some(first) = signs.next().filter(|sign| "-=*~+/_#".contains(*sign)) else { return false };
        let run = 1 + signs.take_while(|sign| *sign == first).count();
        run >= if first == '#' { 4 } else { 3 }
    };
    drawn(&mut text.chars()) || drawn(&mut text.chars().rev())
}

/// Examples in fences do not count.
fn check_length(file: &File, block: &[Comment]) -> Option<Breach> {
    let first = block.first()?;
    let mut fenced = false;
    let counted = |comment: &&Comment| {
        let fence = comment.text.starts_with("```");
        fenced ^= fence;
        !(fence || fenced)
    };
    if first.kind == Kind::Plain {
        return None;
    }
    let lines = block.iter().filter(counted).count();
    let message = format!("a doc comment of {lines} lines, more than {DOC_LINES}");
    (lines > DOC_LINES).then(|| file.breach(first.line, message))
}

/// The text after `SAFETY:` to the end of its block, in one line.
fn safety_text(block: &[Comment]) -> Option<(String, usize)> {
    let start = block.iter().position(|comment| comment.text.starts_with("SAFETY:"))?;
    let words = block.iter().skip(start).flat_map(|comment| comment.text.split_whitespace());
    Some((words.collect::<Vec<_>>().join(" "), block.get(start)?.line))
}

#[cfg(test)]
mod tests {
    use super::super::tree::found;
    use super::*;

    fn one(text: &str) -> Vec<String> {
        found(check, &[("a.rs", text)])
    }

    #[test]
    fn issue_numbers_are_found() {
        for text in ["// see #123", "/// Works around mlx#45.", "// (#7)"] {
            assert_eq!(
                one(&format!("{text}\nfn a() {{}}\n")),
                ["a.rs:1: an issue number in a comment; say what is so"]
            );
        }
        assert!(one("#[doc(hidden)]\nfn a() { b(\"#123\") } // C# and #[x]\n").is_empty());
    }

    #[test]
    fn leftovers_are_found_in_comments_only() {
        assert_eq!(one("fn a() {} // TODO: b\n"), ["a.rs:1: TODO in a comment; do it or drop it"]);
        assert_eq!(one("// FIXME\n").len(), 1);
        assert!(one("fn a() { b(\"TODO\") } // TODOS are fine\n").is_empty());
    }

    #[test]
    fn banners_are_found() {
        for text in ["// -----", "// === ops ===", "//////////", "// Ops ---------", "/// ---\nfn a() {}"] {
            assert!(!one(text).is_empty(), "{text}");
        }
        assert!(one("//! a\n//! ## Heading\n//! - item\n//! | a |\n//! |---|\n// a -- b\n").is_empty());
    }

    #[test]
    fn a_long_doc_comment_is_found() {
        assert!(one(&("/// a\n".repeat(12) + "fn a() {}\n")).is_empty());
        let message = "a.rs:1: a doc comment of 13 lines, more than 12";
        assert_eq!(one(&("/// a\n".repeat(13) + "fn a() {}\n")), [message]);
        for doc in ["///", "//!"] {
            let example = format!("{doc} ```\n{doc} b\n{doc} ```\n");
            assert!(one(&(format!("{doc} a\n").repeat(12) + &example)).is_empty());
        }
        assert_eq!(one(&"//! a\n".repeat(13)), [message]);
    }

    #[test]
    fn the_third_use_of_a_safety_text_is_found() {
        let text = "// SAFETY: it is\n// sound\na();\n";
        assert!(one(&text.repeat(2)).is_empty());
        let message = "the same SAFETY text in 3 places; make it one function";
        assert_eq!(
            found(check, &[("a.rs", &text.repeat(2)), ("b.rs", text)]),
            [format!("b.rs:1: {message}")]
        );
    }
}
