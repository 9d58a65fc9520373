//! Long texts in pieces.

use std::path::Path;

use mlx_embed::Pieces;
use mlx_embed::mlx_text::Tokenizer;

fn pieces(text: &str, tokens: usize, overlap: usize) -> Vec<&str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bert");
    let tokenizer = Tokenizer::from_dir(folder).unwrap();
    let ranges = Pieces { tokens, overlap }.of(text, &tokenizer).unwrap();
    ranges.into_iter().map(|range| &text[range]).collect()
}

#[test]
fn a_long_text_is_cut_where_tokens_end() {
    assert_eq!(pieces("a b c d e", 2, 0), ["a b", "c d", "e"]);
    assert_eq!(pieces("a b c d e", 3, 1), ["a b c", "c d e"]);
    assert_eq!(pieces("ä b \u{1f600} d", 3, 2), ["ä b \u{1f600}", "b \u{1f600} d"]);
    assert_eq!(pieces("a b", 2, 1), ["a b"]);
    assert_eq!(pieces("", 2, 1), [""]);
}

#[test]
fn pieces_that_go_nowhere_are_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/bert");
    let tokenizer = Tokenizer::from_dir(folder).unwrap();
    for (tokens, overlap) in [(2, 2), (0, 0)] {
        let error = Pieces { tokens, overlap }.of("a b c", &tokenizer).unwrap_err().to_string();
        assert!(error.contains("less than the tokens of a piece"), "{error}");
    }
}
