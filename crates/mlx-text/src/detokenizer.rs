//! Text from token ids as they arrive, whole characters only.

use std::{mem, str, sync::Arc};

use crate::{Result, pieces::Pieces};

/// Turns a stream of token ids into text, made by [`Tokenizer::detokenizer`](crate::Tokenizer::detokenizer).
///
/// A token may end inside a UTF-8 character; its bytes are held back (three at most) until the character
/// is whole or can no longer become one, which gives one replacement character U+FFFD.
/// The texts put together equal [`Tokenizer::decode`](crate::Tokenizer::decode) of all ids.
#[derive(Clone, Debug)]
pub struct Detokenizer {
    pieces: Arc<Pieces>,
    skip_special: bool,
    previous: Option<String>,
    pending: Vec<u8>,
}

impl Detokenizer {
    pub(crate) fn new(pieces: Arc<Pieces>, skip_special: bool) -> Self {
        Self { pieces, skip_special, previous: None, pending: Vec::new() }
    }

    /// Adds one token and returns the text that became certain, if any.
    ///
    /// Ids outside the vocabulary add nothing: embedding tables are often padded beyond it.
    pub fn push(&mut self, id: u32) -> Result<Option<String>> {
        if self.skip_special && self.pieces.is_special(id) {
            return Ok(None);
        }
        let Some(token) = self.pieces.inner().id_to_token(id) else { return Ok(None) };
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = self.pieces.bytes(id, &token, self.previous.as_deref())?;
        self.pending.extend(bytes);
        self.previous = Some(token);
        Ok(non_empty(take_whole(&mut self.pending)))
    }

    /// Ends the text: a character that stayed unfinished becomes U+FFFD.
    ///
    /// The detokenizer is then as new.
    pub fn finish(&mut self) -> Option<String> {
        self.previous = None;
        non_empty(String::from_utf8_lossy(&mem::take(&mut self.pending)).into_owned())
    }
}

fn non_empty(text: String) -> Option<String> {
    if text.is_empty() { None } else { Some(text) }
}

/// Takes all bytes but an unfinished character at the end.
fn take_whole(pending: &mut Vec<u8>) -> String {
    let whole = pending.len() - unfinished(pending);
    let tail = pending.split_off(whole);
    let text = String::from_utf8_lossy(pending).into_owned();
    *pending = tail;
    text
}

/// How many bytes at the end begin a character that later bytes can complete.
fn unfinished(bytes: &[u8]) -> usize {
    let Some(last) = bytes.utf8_chunks().last() else { return 0 };
    match str::from_utf8(last.invalid()) {
        Err(error) if error.error_len().is_none() => last.invalid().len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_completable_end_is_held_back() {
        for (bytes, held) in [
            (&b"abc"[..], 0),
            (b"a\xE2\x82", 2),
            (b"a\xF0\x9F\x98", 3),
            (b"a\xFF", 0),
            (b"\xE2\x82a", 0),
            (b"\xE2\xFF\xE2", 1),
            (b"", 0),
        ] {
            assert_eq!(unfinished(bytes), held, "{bytes:x?}");
        }
    }
}
