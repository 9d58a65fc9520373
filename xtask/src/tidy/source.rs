//! A Rust source as words of code and lines of comments, told apart by Rust's own lexer.

use std::str::FromStr;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};

/// What the lexer found.
#[derive(Default)]
pub struct Source {
    pub words: Vec<Word>,
    pub comments: Vec<Comment>,
}

/// An identifier, a literal or a sign.
pub struct Word {
    pub text: String,
    pub line: usize,
}

/// One line of a comment, without its slashes.
#[derive(Debug, PartialEq)]
pub struct Comment {
    pub text: String,
    pub line: usize,
    pub kind: Kind,
}

/// `//`, `///` or `//!`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Plain,
    Outer,
    Inner,
}

impl Source {
    /// Splits a text; one that is not Rust has nothing in it, and `sizes` reports it.
    pub fn new(text: &str) -> Self {
        let Ok(stream) = TokenStream::from_str(text) else { return Self::default() };
        let mut reader = Reader { text, end: 0, line: 1, source: Self::default() };
        reader.stream(stream);
        reader.gap(text.len());
        reader.source
    }

    /// The comment lines in blocks that are of one kind and have no line between them.
    pub fn blocks(&self) -> impl Iterator<Item = &[Comment]> {
        self.comments.chunk_by(|one, next| one.kind == next.kind && one.line + 1 == next.line)
    }
}

/// Walks the tokens; what lies between two of them is space and comments.
struct Reader<'a> {
    text: &'a str,
    end: usize,
    line: usize,
    source: Source,
}

impl Reader<'_> {
    fn stream(&mut self, stream: TokenStream) {
        for token in stream {
            match token {
                TokenTree::Group(group) if self.is_code(group.span()) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.word(group.span_open(), open.into());
                    self.stream(group.stream());
                    self.word(group.span_close(), close.into());
                }
                token if self.is_code(token.span()) => self.word(token.span(), token.to_string()),
                _ => {}
            }
        }
    }

    /// A doc comment comes as an attribute that has the place of the comment; it is left to `gap`.
    fn is_code(&self, span: Span) -> bool {
        let token = self.text.get(span.byte_range()).unwrap_or_default();
        !token.starts_with("//") && !token.starts_with("/*")
    }

    fn word(&mut self, span: Span, text: String) {
        let range = span.byte_range();
        self.gap(range.start);
        let lines = self.text.get(range.clone()).unwrap_or_default().matches('\n').count();
        self.source.words.push(Word { text, line: self.line });
        self.line += lines;
        self.end = range.end;
    }

    /// Takes the comments up to a byte.
    fn gap(&mut self, start: usize) {
        let gap = self.text.get(self.end..start).unwrap_or_default();
        let mut in_block = false;
        for (offset, line) in gap.split('\n').enumerate() {
            let line = line.trim();
            let begins_block = !in_block && line.starts_with("/*");
            if in_block || begins_block || line.starts_with("//") {
                let (kind, text) = strip(line);
                self.source.comments.push(Comment { text: text.into(), line: self.line + offset, kind });
            }
            in_block = (in_block || begins_block) && !line.ends_with("*/");
        }
        self.line += gap.matches('\n').count();
        self.end = start.max(self.end);
    }
}

fn strip(line: &str) -> (Kind, &str) {
    for (start, kind) in
        [("//!", Kind::Inner), ("/*!", Kind::Inner), ("///", Kind::Outer), ("/**", Kind::Outer)]
    {
        match line.strip_prefix(start) {
            Some(text) if kind == Kind::Inner || !text.starts_with(['/', '*']) => return (kind, text.trim()),
            _ => {}
        }
    }
    let text = line.strip_prefix("//").or_else(|| line.strip_prefix("/*")).unwrap_or(line);
    (Kind::Plain, text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comments(text: &str) -> Vec<(usize, Kind, String)> {
        Source::new(text).comments.into_iter().map(|c| (c.line, c.kind, c.text)).collect()
    }

    #[test]
    fn strings_are_not_comments_and_comments_are_not_words() {
        let source =
            Source::new("//! Top.\nlet a = \"// no\"; // yes unsafe\nr#\"\n// no\n\"#; 'a' /* b */\n// end");
        let lines: Vec<_> = source.comments.iter().map(|c| (c.line, c.text.as_str())).collect();
        assert_eq!(lines, [(1, "Top."), (2, "yes unsafe"), (5, "b */"), (6, "end")]);
        assert!(source.words.iter().all(|word| word.text != "unsafe" && word.text != "doc"));
    }

    #[test]
    fn words_know_their_lines() {
        let source = Source::new("fn a() {\n    let s = \"\n\";\n    é(b)\n}\n");
        let line = |text| source.words.iter().find(|word| word.text == text).map(|word| word.line);
        assert_eq!((line("fn"), line("é"), line("b"), line("}")), (Some(1), Some(4), Some(4), Some(5)));
    }

    #[test]
    fn doc_comments_keep_their_kind_and_place() {
        let found = comments("//! In.\n\n/// Out.\n// Plain.\n//// Plain too.\nfn a() {}\n");
        let kinds: Vec<_> = found.iter().map(|(line, kind, _)| (*line, *kind)).collect();
        assert_eq!(kinds, [(1, Kind::Inner), (3, Kind::Outer), (4, Kind::Plain), (5, Kind::Plain)]);
    }

    #[test]
    fn blocks_end_where_the_kind_or_the_line_breaks() {
        let source = Source::new("/// a\n/// b\n// c\n\n// d\nfn f() {}\n");
        assert_eq!(source.blocks().map(<[Comment]>::len).collect::<Vec<_>>(), [2, 1, 1]);
    }

    #[test]
    fn what_is_not_rust_has_no_words() {
        assert!(Source::new("fn a( {").words.is_empty());
    }
}
