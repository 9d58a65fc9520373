//! What configs say of towers of CLIP and SigLIP.

use mlx_vision::{Activation, EncoderSizes, VitSizes};
use serde::Deserialize;
use serde_json::Value;

use super::bounded;
use crate::family::parse;
use crate::{Error, Result};

/// A `vision_config`, in which much may be left out.
#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    model_type: String,
    hidden_size: Option<i32>,
    intermediate_size: Option<i32>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<i32>,
    image_size: Option<i32>,
    patch_size: Option<i32>,
    num_channels: Option<i32>,
    num_patches: Option<i32>,
    hidden_act: Option<String>,
    layer_norm_eps: Option<f32>,
}

/// What transformers takes for what is left out.
struct Defaults {
    width: i32,
    heads: i32,
    image: i32,
    patch: i32,
}

const CLIP: Defaults = Defaults { width: 768, heads: 12, image: 224, patch: 32 };
const SIGLIP: Defaults = Defaults { width: 768, heads: 12, image: 224, patch: 16 };
const IDEFICS: Defaults = Defaults { width: 1152, heads: 16, image: 224, patch: 32 };

/// The tower of a `vision_config`, which is of the type `unnamed` if it does not say.
///
/// # Errors
/// The type is not known, or a size cannot be.
pub(in crate::family) fn vit_sizes(config: &Value, unnamed: &str) -> Result<VitSizes> {
    let stored: Stored = parse(config)?;
    let kind = if stored.model_type.is_empty() { unnamed } else { &stored.model_type };
    let (defaults, clip) = match kind {
        "clip_vision_model" => (CLIP, true),
        "minicpmv4_6_vision" | "siglip" | "siglip_vision_model" | "siglip2_vision_model" => (SIGLIP, false),
        "idefics3" | "idefics3_vision" | "smolvlm" | "smolvlm_vision" => (IDEFICS, false),
        other => {
            let problem = format!("vision_config: model_type `{other}` is not supported");
            return Err(Error::config(problem));
        }
    };
    let activation =
        stored.hidden_act.as_deref().unwrap_or(if clip { "quick_gelu" } else { "gelu_pytorch_tanh" });
    let encoder = EncoderSizes {
        layers: stored.num_hidden_layers.unwrap_or(12),
        width: stored.hidden_size.unwrap_or(defaults.width),
        inner: stored.intermediate_size.unwrap_or(3072),
        heads: stored.num_attention_heads.unwrap_or(defaults.heads),
        eps: stored.layer_norm_eps.unwrap_or(if clip { 1e-5 } else { 1e-6 }),
        activation: Activation::named(activation)?,
    };
    let (patch, channels) = (stored.patch_size.unwrap_or(defaults.patch), stored.num_channels.unwrap_or(3));
    let image = stored.image_size.unwrap_or(defaults.image);
    bounded("vision_config", &[("patch_size", patch, 1 << 10), ("image_size", image, 1 << 14)])?;
    let side = match (kind, stored.num_patches) {
        ("siglip2_vision_model", patches) => patches.unwrap_or(256).max(0).isqrt(),
        _ => image / patch,
    };
    let sizes = VitSizes { encoder, patch, channels, side, clip };
    check(&sizes)?;
    Ok(sizes)
}

fn check(sizes: &VitSizes) -> Result<()> {
    let VitSizes { encoder, channels, side, .. } = sizes;
    if *channels != 3 {
        return Err(Error::config(format!("vision_config: num_channels is {channels}: images have 3")));
    }
    let EncoderSizes { layers, width, inner, heads, eps, .. } = *encoder;
    bounded(
        "vision_config",
        &[
            ("hidden_size", width, 1 << 16),
            ("intermediate_size", inner, 1 << 18),
            ("num_attention_heads", heads, 1 << 10),
            ("image_size / patch_size", *side, 1 << 10),
        ],
    )?;
    if layers > 1024 || width % heads != 0 || eps <= 0.0 {
        let problem = format!(
            "vision_config: {layers} layers, {width} wide with {heads} heads, norms that add {eps}: at most 1024 layers, \
             heads must divide the width, and what is added must be more than 0"
        );
        return Err(Error::config(problem));
    }
    Ok(())
}
