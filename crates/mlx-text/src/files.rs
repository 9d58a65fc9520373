//! Writing a tokenizer as the files of a checkpoint folder.

use std::{fs, path::Path};

use serde_json::{Map, Value, json};
use tokenizers::processors::template::TemplateProcessing;

use crate::{Error, Result, Tokenizer};

impl Tokenizer {
    /// Writes `tokenizer.json`, and `tokenizer_config.json` with the named special tokens and the chat template,
    /// which [`from_dir`](Self::from_dir) and transformers read.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn save(&self, dir: impl AsRef<Path>) -> Result<()> {
        let dir = dir.as_ref();
        let mut inner = self.inner().clone();
        if let Some(around) = self.around()? {
            inner.with_post_processor(Some(around));
        }
        let text = inner.to_string(false).map_err(Error::encode)?;
        write(&dir.join("tokenizer.json"), &text)?;
        let config = serde_json::to_string_pretty(&self.config()).map_err(Error::encode)?;
        write(&dir.join("tokenizer_config.json"), &config)
    }

    /// What puts tokens around a text, if this does.
    fn around(&self) -> Result<Option<TemplateProcessing>> {
        let (begin, end) = self.around_ids();
        let named = |id: Option<u32>| id.and_then(|id| Some((self.token(id)?, id)));
        let (begin, end) = (named(begin), named(end));
        if begin.is_none() && end.is_none() {
            return Ok(None);
        }
        let spelled = |token: &Option<(String, u32)>| token.as_ref().map(|(name, _)| format!("{name}:0"));
        let parts = [spelled(&begin), Some("$A:0".to_owned()), spelled(&end)];
        let single: Vec<_> = parts.into_iter().flatten().collect();
        let tokens: Vec<_> = begin.into_iter().chain(end).collect();
        let mut template = TemplateProcessing::builder();
        template.try_single(single).map_err(Error::vocab)?.special_tokens(tokens);
        template.build().map(Some).map_err(Error::vocab)
    }

    fn config(&self) -> Value {
        let mut config = Map::new();
        config.insert("tokenizer_class".into(), "PreTrainedTokenizerFast".into());
        config.insert("clean_up_tokenization_spaces".into(), false.into());
        for (name, token) in self.special_tokens().iter() {
            config.insert(name.into(), token.into());
        }
        if let Some(template) = self.chat_template() {
            config.insert("chat_template".into(), template.to_json());
        }
        json!(config)
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).map_err(|source| Error::Write { path: path.into(), source })
}
