//! Tokens that a checkpoint's tokenizer has beside its vocabulary, of which `config.json` may say nothing.

use std::collections::BTreeMap;

use mlx_hub::Directory;
use serde::Deserialize;

/// What `tokenizer_config.json` says of them.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    added_tokens_decoder: BTreeMap<String, Added>,
}

#[derive(Deserialize)]
struct Added {
    content: String,
}

/// What `tokenizer.json` says of them.
#[derive(Deserialize)]
struct Words {
    #[serde(default)]
    added_tokens: Vec<Numbered>,
}

#[derive(Deserialize)]
struct Numbered {
    id: u32,
    content: String,
}

/// The id of the token `content`, if it is one.
pub(super) fn added_token(directory: &Directory, content: &str) -> Option<u32> {
    let config = directory.json("tokenizer_config.json").ok();
    let config = config.and_then(|file| Config::deserialize(file).ok());
    let tokens = config.into_iter().flat_map(|config| config.added_tokens_decoder);
    let found = tokens.filter(|(_, token)| token.content == content).find_map(|(id, _)| id.parse().ok());
    found.or_else(|| {
        let words = Words::deserialize(directory.json("tokenizer.json").ok()?).ok()?;
        words.added_tokens.into_iter().find(|token| token.content == content).map(|token| token.id)
    })
}
