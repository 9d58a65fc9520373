//! SentencePiece BPE from tokens with scores, as Hugging Face converts such models.

use tokenizers::{
    DecoderWrapper, NormalizerWrapper,
    decoders::{byte_fallback::ByteFallback, fuse::Fuse, sequence::Sequence, strip::Strip},
    models::bpe::{BPE, Merges, Vocab},
    normalizers::{self, Prepend, Replace},
};

use crate::{
    Error, Result,
    gguf::{GgufVocab, Kind, Parts},
};

/// The character SentencePiece writes for a space.
const SPACE: &str = "▁";

/// The tokenizer parts of a `llama` vocabulary.
pub(crate) fn parts(vocab: &GgufVocab) -> Result<Parts> {
    if vocab.scores.is_empty() {
        return Err(Error::vocab("a llama vocabulary needs tokenizer.ggml.scores"));
    }
    let prefix = vocab.add_space_prefix.unwrap_or(true);
    Ok(Parts {
        model: model(vocab)?,
        normalizer: Some(normalizer(prefix)?),
        pre_tokenizer: None,
        decoder: decoder(prefix)?,
        add_bos: true,
    })
}

fn model(vocab: &GgufVocab) -> Result<BPE> {
    let vocabulary = vocab.vocabulary();
    let merges = merges(vocab, &vocabulary)?;
    let mut builder = BPE::builder().vocab_and_merges(vocabulary, merges).byte_fallback(true).fuse_unk(true);
    if let Some(unknown) = vocab.unk().and_then(|id| vocab.token(id)) {
        builder = builder.unk_token(unknown.to_owned());
    }
    builder.build().map_err(Error::vocab)
}

/// Every way to make a normal token of two others, the token with the highest score first.
fn merges(vocab: &GgufVocab, vocabulary: &Vocab) -> Result<Merges> {
    let mut ranked = Vec::new();
    for ((token, &score), kind) in vocab.tokens.iter().zip(&vocab.scores).zip(vocab.kinds()?) {
        if kind != Kind::Normal {
            continue;
        }
        let mut halves: Vec<_> = token
            .char_indices()
            .skip(1)
            .filter_map(|(at, _)| {
                let (left, right) = token.split_at(at);
                Some((vocabulary.get(left)?, vocabulary.get(right)?, left, right))
            })
            .collect();
        halves.sort_by_key(|&(left, right, ..)| (left, right));
        ranked.extend(halves.into_iter().map(|(_, _, left, right)| (score, left, right)));
    }
    ranked.sort_by(|a, b| {
        b.0.total_cmp(&a.0).then_with(|| longest_first(a.1, b.1)).then_with(|| longest_first(a.2, b.2))
    });
    Ok(ranked.into_iter().map(|(_, left, right)| (left.to_owned(), right.to_owned())).collect())
}

fn longest_first(a: &str, b: &str) -> std::cmp::Ordering {
    b.chars().count().cmp(&a.chars().count())
}

fn normalizer(prefix: bool) -> Result<NormalizerWrapper> {
    let spaces = Replace::new(" ", SPACE).map_err(Error::vocab)?;
    let mut steps: Vec<NormalizerWrapper> = vec![spaces.into()];
    if prefix {
        steps.insert(0, Prepend::new(SPACE.to_owned()).into());
    }
    Ok(normalizers::Sequence::new(steps).into())
}

fn decoder(prefix: bool) -> Result<DecoderWrapper> {
    let spaces = Replace::new(SPACE, " ").map_err(Error::vocab)?;
    let mut steps: Vec<DecoderWrapper> =
        vec![spaces.into(), ByteFallback::default().into(), Fuse::default().into()];
    if prefix {
        steps.push(Strip::new(' ', 1, 0).into());
    }
    Ok(Sequence::new(steps).into())
}
