//! `config.json` of two towers, with what transformers takes for fields that are not there.

use mlx_vision::{Activation, EncoderSizes};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::encoder::{check_sizes, parse};
use crate::{Error, Result};

/// What `model_type` may be.
pub(super) const FAMILIES: &[&str] = &["clip", "siglip", "siglip2"];

/// The kind of both towers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Clip,
    Siglip,
    /// SigLIP 2 for images of any shape (NaFlex). Those for one shape are `Siglip`.
    Siglip2,
}

/// The longest edge of a patch in pixels, and of an image in patches.
const LONGEST: i32 = 1 << 12;

/// What is built.
pub(super) struct Config {
    pub(super) family: Family,
    pub(super) text: TextConfig,
    pub(super) image: ImageConfig,
    /// The width of the vectors.
    pub(super) width: i32,
}

#[derive(Deserialize)]
pub(super) struct TextConfig {
    pub(super) vocab_size: i32,
    pub(super) max_position_embeddings: i32,
    pub(super) eos_token_id: Option<u32>,
    pub(super) pad_token_id: Option<u32>,
    projection_size: Option<i32>,
    #[serde(flatten)]
    pub(super) layers: Layers,
}

#[derive(Deserialize)]
pub(super) struct ImageConfig {
    #[serde(default)]
    pub(super) image_size: i32,
    pub(super) patch_size: i32,
    #[serde(default)]
    num_patches: i32,
    num_channels: i32,
    #[serde(default)]
    vision_use_head: bool,
    #[serde(flatten)]
    pub(super) layers: Layers,
}

/// What a tower's layers are like.
#[derive(Deserialize)]
pub(super) struct Layers {
    pub(super) hidden_size: i32,
    pub(super) intermediate_size: i32,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: i32,
    pub(super) layer_norm_eps: f32,
    hidden_act: String,
}

impl Family {
    /// That of a `config.json`, if it is known.
    pub(crate) fn of(config: &Value) -> Option<Self> {
        match config.get("model_type")?.as_str()? {
            "clip" => Some(Self::Clip),
            "siglip" => Some(Self::Siglip),
            "siglip2" => Some(Self::Siglip2),
            _ => None,
        }
    }

    /// What a text tower is like of which nothing is said.
    fn text(self) -> Value {
        match self {
            Self::Clip => json!({
                "vocab_size": 49408, "hidden_size": 512, "intermediate_size": 2048, "num_hidden_layers": 12,
                "num_attention_heads": 8, "max_position_embeddings": 77, "hidden_act": "quick_gelu",
                "layer_norm_eps": 1e-5, "eos_token_id": 49407
            }),
            Self::Siglip | Self::Siglip2 => json!({
                "vocab_size": 32000, "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
                "num_attention_heads": 12, "max_position_embeddings": 64, "hidden_act": "gelu_pytorch_tanh",
                "layer_norm_eps": 1e-6, "pad_token_id": 1
            }),
        }
    }

    /// What an image tower is like of which nothing is said.
    fn image(self) -> Value {
        let own = match self {
            Self::Clip => json!({
                "image_size": 224, "patch_size": 32, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5
            }),
            Self::Siglip => json!({
                "image_size": 224, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6,
                "vision_use_head": true
            }),
            Self::Siglip2 => json!({
                "num_patches": 256, "patch_size": 16, "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6,
                "vision_use_head": true
            }),
        };
        let common = json!({
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
            "num_channels": 3
        });
        over(&[&common, &own])
    }
}

impl Config {
    pub(super) fn read(family: Family, config: &Value) -> Result<Self> {
        let part = |default: Value, name: &str| {
            // Old configs of CLIP have the fields a second time, and transformers reads those.
            let second = format!("{name}_dict");
            let given = [name, &second].map(|name| config.get(name).unwrap_or(&Value::Null));
            over(&[&[&default][..], &given].concat())
        };
        let text: TextConfig = parse("config.json", &part(family.text(), "text_config"))?;
        let image: ImageConfig = parse("config.json", &part(family.image(), "vision_config"))?;
        let width = match family {
            Family::Clip => config.get("projection_dim").map_or(Some(512), as_i32).unwrap_or_default(),
            Family::Siglip | Family::Siglip2 => text.projection_size.unwrap_or(text.layers.hidden_size),
        };
        let config = Self { family, text, image, width };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<()> {
        let (text, image) = (&self.text, &self.image);
        let sizes = [
            ("vocab_size", text.vocab_size),
            ("max_position_embeddings", text.max_position_embeddings),
            ("projection_dim or projection_size", self.width),
        ];
        text.layers.check(&sizes)?;
        image.layers.check(&[])?;
        let (patch, side) = (image.patch_size, self.side());
        let problem = if !(1..=LONGEST).contains(&patch) || !(1..=LONGEST).contains(&side) {
            format!("{side} x {side} patches of {patch} pixels: both must be between 1 and {LONGEST}")
        } else if image.num_channels != 3 {
            format!("num_channels is {}, of which only 3 are supported", image.num_channels)
        } else if self.family != Family::Clip && !image.vision_use_head {
            "vision_use_head is false: without a head there are no vectors".to_owned()
        } else if self.family != Family::Clip && image.layers.hidden_size != self.width {
            let width = image.layers.hidden_size;
            format!("vectors of images have {width} elements, and those of texts {}", self.width)
        } else {
            return Ok(());
        };
        Err(Error::config("config.json", problem))
    }

    /// How many patches there are in a column and in a row of those that positions are learned for.
    pub(super) fn side(&self) -> i32 {
        match self.family {
            Family::Siglip2 => self.image.num_patches.max(0).isqrt(),
            Family::Clip | Family::Siglip => self.image.image_size / self.image.patch_size.max(1),
        }
    }
}

impl Layers {
    pub(super) fn sizes(&self) -> Result<EncoderSizes> {
        Ok(EncoderSizes {
            layers: self.num_hidden_layers,
            width: self.hidden_size,
            inner: self.intermediate_size,
            heads: self.num_attention_heads,
            eps: self.layer_norm_eps,
            activation: Activation::named(&self.hidden_act)?,
        })
    }

    fn check(&self, others: &[(&str, i32)]) -> Result<()> {
        let inner = ("intermediate_size", self.intermediate_size);
        check_sizes(self.hidden_size, self.num_attention_heads, &[&[inner][..], others].concat())
    }
}

fn as_i32(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|value| i32::try_from(value).ok())
}

/// The fields of objects, of which later ones go before earlier ones. What is no object has none.
fn over(objects: &[&Value]) -> Value {
    let fields = objects.iter().filter_map(|object| object.as_object()).flatten();
    Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
}
