//! Which model a checkpoint holds.

use mlx_core::Dtype;
use mlx_hub::{Directory, Source};
use serde_json::Value;

use super::{Recognize, Recognizer};
use crate::moonshine::Moonshine;
use crate::parakeet::Parakeet;
use crate::qwen3_asr::Qwen3Asr;
use crate::sensevoice::SenseVoice;
use crate::wav2vec2::Wav2Vec2;
use crate::whisper::Whisper;
use crate::{Error, Result};

/// What can be loaded, by `model_type`; models of NeMo are known by their `target`.
pub const KNOWN: &[&str] = &[
    "whisper",
    "wav2vec2",
    "hubert",
    "parakeet",
    "parakeet_ctc",
    "parakeet_rnnt",
    "parakeet_tdt",
    "sensevoice",
    "moonshine",
    "qwen3_asr",
];

/// What checkpoints hold beside what is downloaded of all.
pub(super) const FILES: &[&str] = &["model.bin", "weights.npz", "weights.safetensors", "am.mvn"];

/// Loads the model of a folder, which `source` names.
pub(super) fn load(source: &Source, directory: &Directory, dtype: Option<Dtype>) -> Result<Recognizer> {
    let config = directory.config()?;
    let model: Box<dyn Recognize> = match kind(&config) {
        "whisper" => return Ok(Recognizer::Whisper(Box::new(Whisper::load(source, dtype)?))),
        "wav2vec2" | "hubert" => Box::new(Wav2Vec2::open(directory, dtype)?),
        "parakeet" | "parakeet_ctc" | "parakeet_rnnt" | "parakeet_tdt" => {
            Box::new(Parakeet::open(directory, dtype)?)
        }
        "sensevoice" => Box::new(SenseVoice::open(directory, dtype)?),
        "moonshine" => Box::new(Moonshine::load(source, dtype)?),
        "qwen3_asr" => Box::new(Qwen3Asr::load(source, dtype)?),
        other => return Err(Error::UnknownModel { found: other.to_owned(), known: KNOWN }),
    };
    Ok(Recognizer::Other(model))
}

/// The `model_type`, or what tells it. Some checkpoints of Whisper say nothing.
fn kind(config: &Value) -> &str {
    let text = |field: &str| config.get(field).and_then(Value::as_str);
    let architecture = config.get("architectures").and_then(|names| names.get(0)?.as_str());
    if text("target").is_some_and(|target| target.starts_with("nemo.collections.asr.")) {
        return "parakeet";
    }
    match (text("model_type"), architecture) {
        (Some(kind), _) => kind,
        (None, Some("Wav2Vec2ForCTC")) => "wav2vec2",
        (None, Some("HubertForCTC")) => "hubert",
        (None, Some("WhisperForConditionalGeneration") | None) => "whisper",
        (None, Some(other)) => other,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_is_told_by_what_its_config_has() {
        for (config, expected) in [
            (json!({"model_type": "hubert", "architectures": ["HubertForCTC"]}), "hubert"),
            (json!({"architectures": ["Wav2Vec2ForCTC"]}), "wav2vec2"),
            (json!({"target": "nemo.collections.asr.models.rnnt_bpe_models.EncDecRNNTBPEModel"}), "parakeet"),
            (json!({"target": "nemo.collections.asr.models.x.Y", "model_type": "nemo"}), "parakeet"),
            (json!({"model_type": "parakeet_tdt"}), "parakeet_tdt"),
            (json!({"n_audio_state": 8}), "whisper"),
            (json!({"architectures": ["LlamaForCausalLM"]}), "LlamaForCausalLM"),
        ] {
            assert_eq!(kind(&config), expected, "{config}");
        }
    }
}
