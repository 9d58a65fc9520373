//! WordPiece, as embedding models use it.

use mlx_text::Tokenizer;

use crate::{data, fixture};

#[test]
fn ids_are_neither_padded_nor_cut_and_decode_as_in_the_reference() {
    let tokenizer = Tokenizer::from_dir(data("word_piece")).unwrap();
    let cases: Vec<(String, Vec<u32>, String)> = fixture("word_piece.json");
    for (text, ids, decoded) in cases {
        assert_eq!(tokenizer.encode(&text, true).unwrap(), ids, "{text:?}");
        assert_eq!(tokenizer.encode(&text, false).unwrap(), ids[1..ids.len() - 1], "{text:?}");
        assert_eq!(tokenizer.decode(&ids, true).unwrap(), decoded, "{text:?}");
    }
}
