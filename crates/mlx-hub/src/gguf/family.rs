//! What some families' configurations have besides what all have.

use serde_json::{Map, Value as Json, json};

use super::checkpoint::{LONG_FACTORS, SHORT_FACTORS};
use super::config::Metadata;
use crate::Result;

/// Numbers that Hugging Face and GGUF call alike, or nearly so.
const FLOATS: &[&str] = &["attn_logit_softcapping", "final_logit_softcapping"];

/// The layers of the Gemmas 2 and 3 of 27 billion parameters, whose scores have another scale.
const LAYERS_OF_27B: &[(&str, u64)] = &[("gemma2", 46), ("gemma3", 62)];

/// Adds the fields of the file's family to its `config`.
pub(super) fn add(metadata: &Metadata<'_>, config: &mut Map<String, Json>) -> Result<()> {
    match metadata.architecture.name {
        "gemma2" | "gemma3" => gemma(metadata, config)?,
        "phi3" => phi(metadata, config)?,
        _ => return Ok(()),
    }
    if let Some(window) = metadata.optional_whole("attention.sliding_window")?.filter(|&window| window > 0) {
        config.insert("sliding_window".into(), window.into());
    }
    Ok(())
}

fn gemma(metadata: &Metadata<'_>, config: &mut Map<String, Json>) -> Result<()> {
    for &name in FLOATS {
        if let Some(value) = metadata.float(name)? {
            config.insert(name.into(), value.into());
        }
    }
    let layers = metadata.whole("block_count")?;
    let whole = |name: &str| config.get(name).and_then(Json::as_u64).unwrap_or_default();
    let scalar = if LAYERS_OF_27B.contains(&(metadata.architecture.name, layers)) {
        whole("hidden_size").checked_div(whole("num_attention_heads")).unwrap_or_default()
    } else {
        whole("head_dim")
    };
    config.insert("query_pre_attn_scalar".into(), scalar.into());
    Ok(())
}

fn phi(metadata: &Metadata<'_>, config: &mut Map<String, Json>) -> Result<()> {
    let head_dim = config.get("head_dim").and_then(Json::as_u64).unwrap_or_default();
    if let Some(turning) = metadata.optional_whole("rope.dimension_count")?
        && head_dim > 0
    {
        config.insert("partial_rotary_factor".into(), json!(turning as f64 / head_dim as f64));
    }
    let factors = |name| Ok(metadata.file.load(name)?.to_f32());
    if metadata.file.tensor(LONG_FACTORS).is_some() && metadata.file.tensor(SHORT_FACTORS).is_some() {
        let (long, short): (Vec<f32>, Vec<f32>) = (factors(LONG_FACTORS)?, factors(SHORT_FACTORS)?);
        let original = metadata.whole("rope.scaling.original_context_length")?;
        config.insert(
            "rope_scaling".into(),
            json!({
                "rope_type": "longrope",
                "long_factor": long,
                "short_factor": short,
                "original_max_position_embeddings": original,
            }),
        );
    }
    Ok(())
}
