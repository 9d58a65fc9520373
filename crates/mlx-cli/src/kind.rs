//! What a checkpoint is, by its config.

use mlx_embed::{DualEncoder, encoder};
use mlx_hub::Source;
use mlx_vlm::florence2;
use serde_json::Value;

use crate::failure::Outcome;

/// What a config says that its model is; empty if it does not.
pub(crate) fn model_type(config: &Value) -> &str {
    config.get("model_type").and_then(Value::as_str).unwrap_or_default()
}

/// Whether it is a model of vision and language whose tower is known.
pub(crate) fn sees(config: &Value) -> bool {
    mlx_vlm::KNOWN.contains(&model_type(config)) && config.get("vision_config").is_some()
}

/// Whether it is a Florence-2.
pub(crate) fn is_florence2(source: &Source) -> Outcome<bool> {
    Ok(model_type(&source.resolve()?.config()?) == florence2::NAME)
}

/// The subcommands that serve it, as far as its config tells.
pub(crate) fn commands(config: &Value) -> Vec<&'static str> {
    let kind = model_type(config);
    let is_decoder = mlx_lm::model::KNOWN.contains(&kind);
    let all = [
        ("generate", is_decoder || sees(config) || kind == florence2::NAME),
        ("chat", is_decoder || sees(config)),
        ("embed", encoder::KNOWN.contains(&kind) || is_decoder || DualEncoder::reads(config)),
        ("rerank", encoder::KNOWN.contains(&kind) || is_decoder),
        ("transcribe", mlx_audio::recognizer::KNOWN.contains(&kind)),
        ("codec", mlx_audio::codec::KNOWN.contains(&kind)),
    ];
    all.into_iter().filter(|(_, serves)| *serves).map(|(name, _)| name).collect()
}
