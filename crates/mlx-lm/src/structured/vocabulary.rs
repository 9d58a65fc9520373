//! The vocabulary of a model, as bytes.

use std::sync::Arc;

use llguidance::toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};
use mlx_text::Tokenizer;

use crate::{Error, Result};

/// The tokens that have a score. Those beyond the tokenizer's are of no text, and never allowed.
pub(super) fn environment(tokenizer: &Tokenizer, vocab_size: usize) -> Result<TokEnv> {
    let size = u32::try_from(vocab_size).map_err(super::refuse)?;
    let ends: Vec<_> = tokenizer.eos().iter().copied().filter(|&id| id < size).collect();
    let Some(&end) = ends.first() else {
        return Err(Error::Grammar(
            "the tokenizer names no token that ends a text: add one with `Tokenizer::with_eos`".into(),
        ));
    };
    let words = (0..size).map(|id| word(tokenizer, id)).collect::<Result<Vec<_>>>()?;
    let tokens = TokTrie::from(&TokRxInfo::new(size, end), &words).with_eos_tokens(&ends);
    Ok(Arc::new(ApproximateTokEnv::new(tokens)))
}

/// The bytes of a token; those of a control token are marked, so that no text is spelled by it.
fn word(tokenizer: &Tokenizer, id: u32) -> Result<Vec<u8>> {
    let bytes = tokenizer.token_bytes(id)?.unwrap_or_default();
    let mark = tokenizer.is_special(id).then_some(TokTrie::SPECIAL_TOKEN_MARKER);
    Ok(mark.into_iter().chain(bytes).collect())
}
