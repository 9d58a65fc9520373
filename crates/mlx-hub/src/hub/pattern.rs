//! Which files of a hub repository make up a model, besides its weights.

/// Configuration and tokenizer files, at any depth.
const DEFAULT: &[&str] = &["*.json", "*.jinja", "*.txt", "*.tiktoken", "tokenizer.model", "tiktoken.model"];

/// Whether a file is one of the usual ones, or one that was asked for.
pub(super) fn wanted(name: &str, include: &[String]) -> bool {
    let patterns = DEFAULT.iter().copied().chain(include.iter().map(String::as_str));
    patterns.into_iter().any(|pattern| matches(pattern, name))
}

/// Matches a whole name, where `*` stands for any text, `/` included.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    name.char_indices()
        .map(|(at, _)| at)
        .chain([name.len()])
        .any(|at| name.get(at..).is_some_and(|n| matches(rest, n)))
}

#[cfg(test)]
mod tests {
    use super::{matches, wanted};

    #[test]
    fn star_matches_any_text() {
        assert!(matches("*.json", "1_Pooling/config.json"));
        assert!(matches("voices/*.np*", "voices/a.npz"));
        assert!(matches("*", ""));
        assert!(!matches("*.json", "a.jsonl"));
        assert!(!matches("voices/*", "voice/a"));
    }

    #[test]
    fn weights_come_only_when_asked_for() {
        assert!(wanted("tokenizer.model", &[]));
        assert!(!wanted("model.gguf", &[]));
        assert!(wanted("model.gguf", &["*.gguf".into()]));
    }
}
