//! Tokenizers from the vocabulary that a GGUF file carries.

use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PreTokenizerWrapper,
    decoders::byte_level::ByteLevel,
    models::bpe::{BPE, Vocab},
    normalizers::NFC,
};

use crate::{Error, Result, pre_tokenizer::PreTokenizer, sentence_piece, special_tokens::SpecialTokens};

/// The `tokenizer.*` fields of a GGUF file, as they stand there.
#[derive(Clone, Debug, Default)]
pub struct GgufVocab {
    /// `tokenizer.ggml.model`: `gpt2` (byte-level BPE) or `llama` (SentencePiece BPE).
    pub model: String,
    /// `tokenizer.ggml.pre`: how text is cut before merging, for `gpt2` only; none means `default`.
    pub pre: Option<String>,
    /// `tokenizer.ggml.tokens`: the token of each id.
    pub tokens: Vec<String>,
    /// `tokenizer.ggml.token_type`, empty or one for each token: 1 normal, 2 unknown, 3 control,
    /// 4 user defined, 5 unused, 6 byte.
    pub token_types: Vec<i32>,
    /// `tokenizer.ggml.scores`, one for each token of a `llama` vocabulary: the higher, the earlier merged.
    pub scores: Vec<f32>,
    /// `tokenizer.ggml.merges` of a `gpt2` vocabulary: two tokens with a space between.
    pub merges: Vec<String>,
    /// `tokenizer.ggml.bos_token_id`.
    pub bos: Option<u32>,
    /// `tokenizer.ggml.eos_token_id`.
    pub eos: Option<u32>,
    /// `tokenizer.ggml.unknown_token_id`.
    pub unk: Option<u32>,
    /// `tokenizer.ggml.padding_token_id`.
    pub pad: Option<u32>,
    /// `tokenizer.ggml.add_bos_token`.
    pub add_bos: Option<bool>,
    /// `tokenizer.ggml.add_eos_token`.
    pub add_eos: Option<bool>,
    /// `tokenizer.ggml.add_space_prefix`, for `llama` only: a space goes before the text and after each
    /// special token in it (default true).
    pub add_space_prefix: Option<bool>,
    /// `tokenizer.chat_template`.
    pub chat_template: Option<String>,
}

/// What [`GgufVocab`] describes, ready for a tokenizer.
pub(crate) struct Built {
    pub(crate) inner: tokenizers::Tokenizer,
    /// Put before a text.
    pub(crate) begin: Option<u32>,
    /// Put after a text.
    pub(crate) end: Option<u32>,
}

/// What depends on the vocabulary's model.
pub(crate) struct Parts {
    pub(crate) model: BPE,
    pub(crate) normalizer: Option<NormalizerWrapper>,
    pub(crate) pre_tokenizer: Option<PreTokenizerWrapper>,
    pub(crate) decoder: DecoderWrapper,
    /// Whether text begins with BOS unless the file says otherwise.
    pub(crate) add_bos: bool,
}

/// The entries of `tokenizer.ggml.token_type`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

impl GgufVocab {
    pub(crate) fn build(&self) -> Result<Built> {
        self.check()?;
        let parts = match self.model.as_str() {
            "gpt2" => self.byte_level()?,
            "llama" => sentence_piece::parts(self)?,
            other => {
                return Err(Error::vocab(format!(
                    "unknown tokenizer model '{other}': known are gpt2 and llama"
                )));
            }
        };
        let begin = self.bos().filter(|_| self.add_bos.unwrap_or(parts.add_bos));
        let end = self.eos().filter(|_| self.add_eos.unwrap_or(false));
        Ok(Built { inner: self.assemble(parts)?, begin, end })
    }

    /// The special tokens under the names that chat templates use.
    pub(crate) fn special_tokens(&self) -> SpecialTokens {
        let ids = [
            ("bos_token", self.bos()),
            ("eos_token", self.eos()),
            ("unk_token", self.unk()),
            ("pad_token", self.pad),
        ];
        ids.into_iter().filter_map(|(name, id)| Some((name, self.token(id?)?))).collect()
    }

    /// The kind of each token.
    pub(crate) fn kinds(&self) -> Result<Vec<Kind>> {
        if self.token_types.is_empty() {
            return Ok(vec![Kind::Normal; self.tokens.len()]);
        }
        self.token_types.iter().map(|&kind| Kind::of(kind)).collect()
    }

    pub(crate) fn vocabulary(&self) -> Vocab {
        self.tokens.iter().cloned().zip(0..).collect()
    }

    pub(crate) fn token(&self, id: u32) -> Option<&str> {
        self.tokens.get(usize::try_from(id).ok()?).map(String::as_str)
    }

    pub(crate) fn bos(&self) -> Option<u32> {
        self.bos.or(self.implied(1))
    }

    pub(crate) fn eos(&self) -> Option<u32> {
        self.eos.or(self.implied(2))
    }

    pub(crate) fn unk(&self) -> Option<u32> {
        self.unk.or(self.implied(0))
    }

    /// SentencePiece files may leave out ids that have their usual place.
    fn implied(&self, id: u32) -> Option<u32> {
        let usual = self.model == "llama" && self.token(id).is_some();
        usual.then_some(id)
    }

    fn check(&self) -> Result<()> {
        let count = self.tokens.len();
        if count == 0 {
            return Err(Error::vocab("no tokens"));
        }
        for (field, len) in [("token_type", self.token_types.len()), ("scores", self.scores.len())] {
            if len != 0 && len != count {
                return Err(Error::vocab(format!("{field} has {len} entries for {count} tokens")));
            }
        }
        for (field, id) in
            [("bos", self.bos), ("eos", self.eos), ("unknown", self.unk), ("padding", self.pad)]
        {
            if let Some(id) = id.filter(|&id| self.token(id).is_none()) {
                return Err(Error::vocab(format!("{field}_token_id is {id}, but there are {count} tokens")));
            }
        }
        Ok(())
    }

    fn byte_level(&self) -> Result<Parts> {
        let pre = PreTokenizer::named(self.pre.as_deref().unwrap_or("default"))?;
        let vocabulary = self.vocabulary();
        let merges =
            self.merges.iter().map(|merge| split_merge(merge, &vocabulary)).collect::<Result<_>>()?;
        let model = BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .ignore_merges(pre.ignore_merges)
            .build()
            .map_err(Error::vocab)?;
        Ok(Parts {
            model,
            normalizer: pre.compose.then_some(NFC.into()),
            pre_tokenizer: Some(pre.build()?),
            decoder: ByteLevel::default().into(),
            add_bos: pre.add_bos,
        })
    }

    fn assemble(&self, parts: Parts) -> Result<tokenizers::Tokenizer> {
        let mut tokenizer = tokenizers::Tokenizer::new(parts.model);
        tokenizer.with_normalizer(parts.normalizer).map_err(Error::vocab)?;
        tokenizer.with_pre_tokenizer(parts.pre_tokenizer);
        tokenizer.with_decoder(Some(parts.decoder));
        let added = self.tokens.iter().zip(self.kinds()?).filter_map(|(token, kind)| {
            let special = match kind {
                Kind::Control | Kind::Unknown => true,
                Kind::UserDefined => false,
                Kind::Normal | Kind::Unused | Kind::Byte => return None,
            };
            Some(AddedToken::from(token.clone(), special).normalized(false))
        });
        tokenizer.add_tokens(added).map_err(Error::vocab)?;
        Ok(tokenizer)
    }
}

impl Kind {
    fn of(kind: i32) -> Result<Self> {
        Ok(match kind {
            1 => Self::Normal,
            2 => Self::Unknown,
            3 => Self::Control,
            4 => Self::UserDefined,
            5 => Self::Unused,
            6 => Self::Byte,
            _ => return Err(Error::vocab(format!("unknown token_type {kind}: known are 1 to 6"))),
        })
    }
}

/// The two tokens of a merge; they and what they make must be in the vocabulary.
fn split_merge(merge: &str, vocabulary: &Vocab) -> Result<(String, String)> {
    let (left, right) = merge
        .split_once(' ')
        .ok_or_else(|| Error::vocab(format!("merge '{merge}' is not two tokens with a space between")))?;
    for token in [left, right, &format!("{left}{right}")] {
        if !vocabulary.contains_key(token) {
            return Err(Error::vocab(format!("merge '{merge}' needs '{token}', which is not a token")));
        }
    }
    Ok((left.to_owned(), right.to_owned()))
}
