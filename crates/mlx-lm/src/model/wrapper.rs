//! A decoder within a larger model, whose other parts are left unread.

use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{Module, Weights};

use super::{Decoder, decoder};
use crate::Result;
use crate::cache::KvCache;
use crate::config::Config;
use crate::tensors::Arrays;

/// The values of `model_type` that are wrapped around a decoder.
pub const WRAPPERS: &[&str] = &[
    "deepseek_vl_v2",
    "deepseekocr",
    "fast_vlm",
    "gemma3",
    "gemma3n",
    "gemma4",
    "gemma4_unified",
    "glm46v",
    "glm4v",
    "glm4v_moe",
    "glm_ocr",
    "idefics3",
    "internvl",
    "internvl_chat",
    "kimi_k25",
    "lfm2_vl",
    "llava",
    "llava_next",
    "llava_onevision",
    "llava_qwen2",
    "minicpmo",
    "minicpmv",
    "minicpmv4_6",
    "mistral3",
    "moondream1",
    "moondream2",
    "moondream3",
    "paddleocr_vl",
    "paligemma",
    "phi3_v",
    "qwen2_5_vl",
    "qwen2_vl",
    "qwen3_5",
    "qwen3_5_moe",
    "qwen3_vl",
    "qwen3_vl_moe",
    "smolvlm",
];

/// Scopes of what is no text.
const OTHERS: &[&str] = &[
    "apm.",
    "audio_avg_pooler.",
    "audio_projection_layer.",
    "audio_tower.",
    "connector.",
    "embed_audio.",
    "embed_vision.",
    "image_newline",
    "merger.",
    "mlp1.",
    "mlp_AR.",
    "mm_projector.",
    PREDICTORS,
    "multi_modal_projector.",
    "projector.",
    "region.",
    "resampler.",
    "sam_model.",
    "tts.",
    "view_sep",
    "vision.",
    "vision_embed_tokens.",
    "vision_embedder.",
    "vision_model.",
    "vision_tower.",
    "visual.",
    "vit_merger.",
    "vpm.",
];

/// The scope of layers that predict tokens after the next.
const PREDICTORS: &str = "mtp.";

/// What checkpoints call the decoder without its head, from the longest name on.
const BODIES: &[&str] = &["model.language_model.", "model.text_model.", "model."];

/// The arrays of a model around a decoder by the names that MLX gives them: those of the decoder are in the scope
/// `language_model`, and the others in scopes of their own.
pub(crate) fn spelled(arrays: Arrays) -> Arrays {
    let is_apart = arrays.keys().any(|name| name.starts_with("language_model."));
    arrays.into_iter().map(|(name, array)| (spelling(name, is_apart), array)).collect()
}

/// The name of an array, where the decoder `is_apart` from the others or not.
fn spelling(name: String, is_apart: bool) -> String {
    let inner = name.strip_prefix("model.").unwrap_or(&name);
    if OTHERS.iter().any(|other| inner.starts_with(other)) {
        return inner.to_owned();
    }
    if let Some(text) = inner.strip_prefix(MOONDREAM) {
        return moondream(text);
    }
    if let Some(part) = name.strip_prefix("llm.") {
        return format!("language_model.{part}");
    }
    if is_apart {
        return name;
    }
    if name.starts_with("lm_head.") {
        return format!("language_model.{name}");
    }
    match BODIES.iter().find_map(|body| name.strip_prefix(body)) {
        Some(part) => format!("language_model.model.{part}"),
        None => name,
    }
}

/// The scope of the decoder of a Moondream.
const MOONDREAM: &str = "text.";

/// The name of an array in that scope.
fn moondream(name: &str) -> String {
    if name.starts_with("lm_head.") {
        return format!("language_model.{name}");
    }
    let part = name.strip_prefix("model.").unwrap_or(name);
    let part = match part.strip_prefix("blocks.") {
        Some(layer) => format!("layers.{layer}"),
        None if matches!(part, "wte" | "wte.weight") => "embed_tokens.weight".to_owned(),
        None => part.replacen("wte.", "embed_tokens.", 1),
    };
    format!("language_model.model.{part}")
}

/// Lets be left over what is no text.
pub(super) fn ignore_others(w: &Weights) {
    w.ignore(is_other);
}

/// Takes what is no text out of [`spelled`] arrays. Layers that predict tokens after the next are left out.
pub(crate) fn take_others(arrays: &mut Arrays) -> Arrays {
    let (others, text) = std::mem::take(arrays).into_iter().partition(|(name, _)| is_other(name));
    *arrays = text;
    let mut others: Arrays = others;
    others.retain(|name, _| !name.starts_with(PREDICTORS));
    others
}

/// Lets layers be left over that predict tokens after the next.
pub(crate) fn ignore_predictors(w: &Weights) {
    w.ignore(|key| key.starts_with(PREDICTORS));
}

fn is_other(name: &str) -> bool {
    OTHERS.iter().any(|other| name.starts_with(other))
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

    fn bare_states(&self, hidden: Array, cache: &mut KvCache) -> MlxResult<(Array, Array)> {
        self.language_model.bare_states(hidden, cache)
    }

    fn cache(&self) -> KvCache {
        self.language_model.cache()
    }
}
