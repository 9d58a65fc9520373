//! Text to token ids and back.

use std::{
    fs, io,
    ops::Range,
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Arc,
};

use tokenizers::{PostProcessor, TruncationDirection, TruncationParams, truncate_encodings};

use crate::{
    ChatOptions, ChatTemplate, Detokenizer, Error, GgufVocab, Message, Result,
    pieces::Pieces,
    special_tokens::{SpecialTokens, read_json},
};

/// A model's vocabulary with its special tokens and chat template.
///
/// Cheap to clone: clones share the vocabulary.
///
/// ```no_run
/// # fn main() -> mlx_text::Result<()> {
/// let tokenizer = mlx_text::Tokenizer::from_dir("models/smollm2")?;
/// let ids = tokenizer.encode("The capital of France is", true)?;
/// println!("{}", tokenizer.decode(&ids, true)?);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Tokenizer {
    pieces: Arc<Pieces>,
    begin: Option<u32>,
    end: Option<u32>,
    bos: Option<u32>,
    eos: Vec<u32>,
    special_tokens: SpecialTokens,
    chat_template: Option<ChatTemplate>,
    tool_parser_type: Option<String>,
}

/// Two texts as one, as [`Tokenizer::encode_pair_up_to`] joins them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair {
    /// The ids.
    pub ids: Vec<u32>,
    /// The segment that each of them is in: 0 or 1 where the model tells the texts apart by it, else 0.
    pub kinds: Vec<u32>,
}

impl Tokenizer {
    /// Reads a checkpoint folder: `tokenizer.json`, and where there, `tokenizer_config.json`,
    /// `special_tokens_map.json` and the chat template.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        let dir = dir.as_ref();
        let inner =
            read_tokenizer(&dir.join("tokenizer.json"))?.ok_or_else(|| Error::NoTokenizer(dir.into()))?;
        let config = read_json(&dir.join("tokenizer_config.json"))?;
        let special_tokens = SpecialTokens::from_dir(dir, config.as_ref())?;
        let class = config.as_ref().and_then(|config| config.get("tokenizer_class")?.as_str());
        let line_break = (class == Some("NewlineTokenizer")).then_some("<n>");
        let tool_parser_type =
            config.and_then(|config| Some(config.get("tool_parser_type")?.as_str()?.to_owned()));
        let tokenizer = Self::new(inner, special_tokens, ChatTemplate::from_dir(dir)?, line_break)?;
        Ok(Self { tool_parser_type, ..tokenizer })
    }

    /// Reads a `tokenizer.json` alone: no named special tokens, no chat template.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let missing = || Error::Read { path: path.into(), source: io::ErrorKind::NotFound.into() };
        let inner = read_tokenizer(path)?.ok_or_else(missing)?;
        Self::new(inner, SpecialTokens::default(), None, None)
    }

    /// Builds the tokenizer a GGUF file describes.
    ///
    /// ```
    /// use mlx_text::{GgufVocab, Tokenizer};
    ///
    /// let vocab = GgufVocab {
    ///     model: "gpt2".into(),
    ///     pre: Some("smollm".into()),
    ///     tokens: ["<eos>", "h", "i", "hi", "Ġ"].map(String::from).into(),
    ///     token_types: vec![3, 1, 1, 1, 1],
    ///     merges: vec!["h i".into()],
    ///     eos: Some(0),
    ///     ..GgufVocab::default()
    /// };
    /// let tokenizer = Tokenizer::from_gguf(&vocab)?;
    /// assert_eq!(tokenizer.encode("hi hi<eos>", false)?, [3, 4, 3, 0]);
    /// assert_eq!(tokenizer.decode(&[3, 4, 3, 0], true)?, "hi hi");
    /// # Ok::<(), mlx_text::Error>(())
    /// ```
    pub fn from_gguf(vocab: &GgufVocab) -> Result<Self> {
        let built = vocab.build()?;
        let chat_template = vocab.chat_template.clone().map(ChatTemplate::new);
        let tokenizer = Self::new(built.inner, vocab.special_tokens(), chat_template, None)?;
        Ok(Self { begin: built.begin, end: built.end, ..tokenizer })
    }

    fn new(
        mut inner: tokenizers::Tokenizer,
        special_tokens: SpecialTokens,
        chat_template: Option<ChatTemplate>,
        line_break: Option<&'static str>,
    ) -> Result<Self> {
        // Some files carry the limits of a training batch; here a text is neither cut nor padded.
        inner.with_padding(None).with_truncation(None).map_err(Error::encode)?;
        let id = |name| inner.token_to_id(special_tokens.get(name)?);
        let (bos, eos) = (id("bos_token"), id("eos_token").into_iter().collect());
        let pieces = Arc::new(Pieces::new(inner, line_break));
        let tokenizer = Self {
            pieces,
            begin: None,
            end: None,
            bos,
            eos,
            special_tokens,
            chat_template: None,
            tool_parser_type: None,
        };
        Ok(match chat_template {
            Some(template) => tokenizer.with_chat_template(template),
            None => tokenizer,
        })
    }

    /// Adds ids that end a text, such as those of `generation_config.json`.
    #[must_use]
    pub fn with_eos(mut self, ids: &[u32]) -> Self {
        for id in ids {
            if !self.eos.contains(id) {
                self.eos.push(*id);
            }
        }
        self
    }

    /// Replaces the chat template; it gets this model's special tokens as variables.
    #[must_use]
    pub fn with_chat_template(mut self, template: ChatTemplate) -> Self {
        self.chat_template = Some(template.with_special_tokens(self.special_tokens.clone()));
        self
    }

    /// The ids of a text; special tokens written in it become their ids.
    ///
    /// `add_special` adds what the model puts around a text, such as BOS.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>> {
        let encoding = self
            .pieces
            .inner()
            .encode_fast(self.pieces.spelled(text).as_ref(), add_special)
            .map_err(Error::encode)?;
        let (begin, end) = if add_special { (self.begin, self.end) } else { (None, None) };
        Ok(begin.into_iter().chain(encoding.get_ids().iter().copied()).chain(end).collect())
    }

    /// The ids of a text with what the model puts around it, `most` in all: of a longer text, the first ones.
    pub fn encode_up_to(&self, text: &str, most: Option<usize>) -> Result<Vec<u32>> {
        let inner = self.pieces.inner();
        let spelled = self.pieces.spelled(text);
        let mut encoding = inner.encode_fast(spelled.as_ref(), false).map_err(Error::encode)?;
        let own = self.begin.iter().chain(&self.end).count();
        let around = own + inner.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        if let Some(most) = most {
            encoding.truncate(most.saturating_sub(around), 0, TruncationDirection::Right);
        }
        let encoding = inner.post_process(encoding, None, true).map_err(Error::encode)?;
        Ok(self.begin.into_iter().chain(encoding.get_ids().iter().copied()).chain(self.end).collect())
    }

    /// The bytes of a text that each of its tokens stands for, without what is put around it.
    pub fn spans(&self, text: &str) -> Result<Vec<Range<usize>>> {
        let encoding = self.pieces.inner().encode(text, false).map_err(Error::encode)?;
        Ok(encoding.get_offsets().iter().map(|&(start, end)| start..end).collect())
    }

    /// The ids of two texts as the model joins them, with what it puts around them, `most` in all: the longer text loses
    /// its last ones.
    pub fn encode_pair_up_to(&self, first: &str, second: &str, most: Option<usize>) -> Result<Pair> {
        let inner = self.pieces.inner();
        let encode =
            |text| inner.encode_fast(self.pieces.spelled(text).as_ref(), false).map_err(Error::encode);
        let around = inner.get_post_processor().map_or(0, |processor| processor.added_tokens(true));
        let max_length = most.map_or(usize::MAX, |most| most.saturating_sub(around));
        let cut = TruncationParams { max_length, ..TruncationParams::default() };
        let (first, second) =
            truncate_encodings(encode(first)?, Some(encode(second)?), &cut).map_err(Error::encode)?;
        let encoding = inner.post_process(first, second, true).map_err(Error::encode)?;
        Ok(Pair { ids: encoding.get_ids().to_vec(), kinds: encoding.get_type_ids().to_vec() })
    }

    /// The ids of a conversation as the model's chat template writes it.
    ///
    /// The template writes BOS itself where the model wants one, so none is added.
    pub fn encode_chat(&self, messages: &[Message], options: &ChatOptions) -> Result<Vec<u32>> {
        let template = self.chat_template.as_ref().ok_or(Error::NoChatTemplate)?;
        self.encode(&template.render(messages, options)?, false)
    }

    /// The text of some ids, without special tokens if `skip_special`.
    ///
    /// Ids outside the vocabulary add nothing. Bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        let mut detokenizer = self.detokenizer(skip_special);
        let mut text = String::new();
        for &id in ids {
            text.extend(detokenizer.push(id)?);
        }
        text.extend(detokenizer.finish());
        Ok(text)
    }

    /// Starts decoding ids one at a time.
    #[must_use]
    pub fn detokenizer(&self, skip_special: bool) -> Detokenizer {
        Detokenizer::new(Arc::clone(&self.pieces), skip_special)
    }

    /// The token with this id, as the vocabulary spells it.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        self.pieces.inner().id_to_token(id)
    }

    /// The id of a token, spelled as in the vocabulary.
    #[must_use]
    pub fn id(&self, token: &str) -> Option<u32> {
        self.pieces.inner().token_to_id(token)
    }

    /// The bytes that a token adds within a text, `None` for ids outside the vocabulary.
    ///
    /// Those of a control token are its spelling. At the beginning of a text some tokenizers drop a space, which
    /// these bytes have.
    pub fn token_bytes(&self, id: u32) -> Result<Option<Vec<u8>>> {
        self.pieces.bytes_within(id)
    }

    /// How many tokens there are, added ones included; the model's embedding may be longer.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.pieces.inner().get_vocab_size(true)
    }

    /// The token that begins a text, if the model has one.
    #[must_use]
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The tokens that end a text.
    #[must_use]
    pub fn eos(&self) -> &[u32] {
        &self.eos
    }

    /// Whether `decode` can skip this token: control tokens, not text.
    #[must_use]
    pub fn is_special(&self, id: u32) -> bool {
        self.pieces.is_special(id)
    }

    /// What is put before and after a text, where the library does not do that itself.
    pub(crate) fn around_ids(&self) -> (Option<u32>, Option<u32>) {
        (self.begin, self.end)
    }

    pub(crate) fn inner(&self) -> &tokenizers::Tokenizer {
        self.pieces.inner()
    }

    pub(crate) fn special_tokens(&self) -> &SpecialTokens {
        &self.special_tokens
    }

    /// The way to write calls of functions that the checkpoint names, as mlx-lm's converter does.
    #[must_use]
    pub fn tool_parser_type(&self) -> Option<&str> {
        self.tool_parser_type.as_deref()
    }

    /// The model's chat template, if it brings one.
    #[must_use]
    pub fn chat_template(&self) -> Option<&ChatTemplate> {
        self.chat_template.as_ref()
    }
}

/// Reads a `tokenizer.json`, or `None` if there is none.
fn read_tokenizer(path: &Path) -> Result<Option<tokenizers::Tokenizer>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::Read { path: path.into(), source }),
    };
    // The library indexes a buffer by the lengths of merges, which a bad file can make too long.
    let parsed = panic::catch_unwind(AssertUnwindSafe(|| tokenizers::Tokenizer::from_bytes(&bytes)));
    match parsed {
        Ok(Ok(tokenizer)) => Ok(Some(tokenizer)),
        Ok(Err(error)) => Err(Error::malformed(path, format!("not a tokenizer.json: {error}"))),
        Err(_) => Err(Error::malformed(path, "not a tokenizer.json: its merges do not fit its vocabulary")),
    }
}
