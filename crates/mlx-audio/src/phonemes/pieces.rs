//! Sentences cut into what is spoken at once.

use super::{Token, joined};

/// Words and signs that are spoken at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Piece {
    /// They themselves.
    pub tokens: Vec<Token>,
}

impl Piece {
    /// What is written.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for token in &self.tokens {
            text.push_str(&token.text);
            if token.space {
                text.push(' ');
            }
        }
        text.trim_end().to_owned()
    }

    /// What is said.
    pub fn phonemes(&self) -> String {
        joined(&self.tokens)
    }

    fn length(&self) -> usize {
        self.phonemes().chars().count()
    }
}

/// Signs behind which a sentence is best cut, the best first.
const BREAKS: [&str; 3] = [".!?…", ";:", ",—"];

/// A sentence in pieces of at most `most` phonemes, which end at clauses if that can be, or else between words. All of its
/// words and phonemes are in one of them, in order.
pub fn pieces(sentence: Vec<Token>, most: usize) -> Vec<Piece> {
    let most = most.max(1);
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    for token in sentence.into_iter().flat_map(|token| short(token, most)) {
        piece.tokens.push(token);
        while piece.length() > most {
            let rest = piece.tokens.split_off(cut(&piece.tokens, most));
            pieces.push(std::mem::replace(&mut piece, Piece { tokens: rest }));
        }
    }
    if !piece.tokens.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Before which of at least two tokens, of which all but the last can be spoken at once, it is best to cut.
fn cut(tokens: &[Token], most: usize) -> usize {
    let last = tokens.len().saturating_sub(1).max(1);
    let fits = |at: usize| {
        let rest = tokens.get(at..).unwrap_or_default();
        joined(rest).chars().count() <= most
    };
    let behind = |signs: &str| {
        let is_break = |at: &usize| {
            let token = at.checked_sub(1).and_then(|at| tokens.get(at));
            token.is_some_and(|token| {
                !token.phonemes.is_empty() && token.phonemes.chars().all(|sign| signs.contains(sign))
            })
        };
        (1..=last).rev().find(is_break).filter(|&at| fits(at))
    };
    BREAKS.into_iter().find_map(behind).unwrap_or(last)
}

/// A token as it is, or in parts if it is too long itself; its text goes with the first.
fn short(token: Token, most: usize) -> Vec<Token> {
    let phonemes: Vec<char> = token.phonemes.chars().collect();
    if phonemes.len() <= most {
        return vec![token];
    }
    let count = phonemes.len().div_ceil(most);
    let part = |(at, part): (usize, &[char])| Token {
        text: if at == 0 { token.text.clone() } else { String::new() },
        phonemes: part.iter().collect(),
        space: token.space && at + 1 == count,
    };
    phonemes.chunks(most).enumerate().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token for each word, of which signs are tokens of their own.
    fn tokens(text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        for word in text.split(' ') {
            let bare = word.trim_end_matches([',', ';', '.']);
            let (sign, token) = (&word[bare.len()..], |text: &str, space| Token {
                text: text.into(),
                phonemes: text.into(),
                space,
            });
            tokens.push(token(bare, sign.is_empty()));
            if !sign.is_empty() {
                tokens.push(token(sign, true));
            }
        }
        tokens
    }

    fn said(text: &str, most: usize) -> Vec<String> {
        pieces(tokens(text), most).iter().map(Piece::phonemes).collect()
    }

    #[test]
    fn pieces_end_at_clauses() {
        assert_eq!(said("aaa bbb; cc, dddd e ff.", 16), ["aaa bbb;", "cc, dddd e ff."]);
        assert_eq!(said("aaa bbb cc, dddd e ff.", 16), ["aaa bbb cc,", "dddd e ff."]);
        assert_eq!(said("aaa bbb cc dddd e ff.", 8), ["aaa bbb", "cc dddd", "e ff."]);
        // A semicolon so early that the rest is too long again.
        assert_eq!(said("a; bbbb ccccccc, ddddd", 16), ["a; bbbb ccccccc,", "ddddd"]);
        assert_eq!(said("aaaaabbbbbc d", 5), ["aaaaa", "bbbbb", "c d"]);
        assert_eq!(said("all of it.", 510), ["all of it."]);
    }

    #[test]
    fn no_word_is_lost_and_none_is_too_long() {
        let text = "in, the; beginning was a verylongwordindeed, and. it went on; on, and on without an end";
        for most in 1..60 {
            let pieces = pieces(tokens(text), most);
            assert!(pieces.iter().all(|piece| (1..=most).contains(&piece.length())), "{most}");
            let all = |of: fn(&Piece) -> String| pieces.iter().map(of).collect::<String>().replace(' ', "");
            assert_eq!(all(Piece::phonemes), text.replace(' ', ""), "{most}");
            assert_eq!(all(Piece::text), text.replace(' ', ""), "{most}");
        }
    }
}
