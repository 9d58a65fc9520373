//! GPT-2's printable alphabet for bytes: each byte is one character, so that a token is always text.

use std::{collections::HashMap, sync::LazyLock};

/// Bytes that stand for themselves; the others take the characters from U+0100 on, in order.
fn is_printable(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF)
}

static BYTES: LazyLock<HashMap<char, u8>> = LazyLock::new(|| {
    let printable = (0..=u8::MAX).filter(|&byte| is_printable(byte)).map(|byte| (char::from(byte), byte));
    let moved = ('\u{100}'..).zip((0..=u8::MAX).filter(|&byte| !is_printable(byte)));
    printable.chain(moved).collect()
});

/// The bytes a token stands for, or `None` if a character of it is not in the alphabet.
pub(crate) fn bytes(token: &str) -> Option<Vec<u8>> {
    token.chars().map(|character| BYTES.get(&character).copied()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    use super::*;

    #[test]
    fn the_alphabet_covers_every_byte_once() {
        let alphabet = ByteLevel::alphabet();
        assert_eq!(alphabet.len(), 256);
        let decoded: HashSet<u8> = alphabet.iter().map(|c| bytes(&c.to_string()).unwrap()[0]).collect();
        assert_eq!(decoded.len(), 256);
    }

    #[test]
    fn a_token_gives_the_bytes_of_its_text() {
        assert_eq!(bytes("ĠÃ©t").unwrap(), " ét".as_bytes());
        assert_eq!(bytes("a b"), None);
    }
}
