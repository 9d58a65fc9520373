//! A decoder within a larger model, whose other parts are left unread.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};

use super::{Decoder, decoder};
use crate::Result;
use crate::cache::KvCache;
use crate::config::Config;
use crate::tensors::Arrays;

/// Scopes of what is no text, by themselves or in `model`.
const OTHERS: &[&str] = &[
    "audio_tower.",
    "embed_audio.",
    "embed_vision.",
    "mm_projector.",
    "mtp.",
    "multi_modal_projector.",
    "vision_embedder.",
    "vision_model.",
    "vision_tower.",
    "visual.",
];

/// What transformers calls the decoder since 4.52.
const BODY: &str = "model.language_model.";

/// The arrays of a model around a decoder by their names, those of the decoder in the scope `language_model`.
pub(crate) fn spelled(arrays: Arrays) -> Arrays {
    if !arrays.keys().any(|name| name.starts_with(BODY)) {
        return arrays;
    }
    let spelled = |name: String| match name.strip_prefix(BODY) {
        Some(part) => format!("language_model.model.{part}"),
        None if name.starts_with("lm_head.") => format!("language_model.{name}"),
        None => name,
    };
    arrays.into_iter().map(|(name, array)| (spelled(name), array)).collect()
}

/// The decoder of a model of text and images.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Wrapper {
    language_model: Box<dyn Decoder>,
}

impl Wrapper {
    /// The decoder that the config describes, in the scope `language_model`.
    pub(super) fn load(w: &Weights, config: &Config) -> Result<Self> {
        w.ignore(|key| {
            let key = key.strip_prefix("model.").unwrap_or(key);
            OTHERS.iter().any(|other| key.starts_with(other))
        });
        Ok(Self { language_model: decoder(config, &w.at("language_model"))? })
    }
}

impl Decoder for Wrapper {
    fn embed(&self, tokens: &Array) -> MlxResult<Array> {
        self.language_model.embed(tokens)
    }

    fn states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<Array> {
        self.language_model.states(hidden, cache)
    }

    fn scores(&self, states: &Array) -> MlxResult<Array> {
        self.language_model.scores(states)
    }

    fn cache(&self) -> KvCache {
        self.language_model.cache()
    }
}
