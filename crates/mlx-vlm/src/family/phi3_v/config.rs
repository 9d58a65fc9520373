//! What the config of a Phi-3-V says. Of its tower it says little: that is CLIP's large one.

use mlx_vision::VitSizes;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::family::parse;
use crate::family::tiled::{bounded, vit_sizes};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
struct Stored {
    hidden_size: i32,
    #[serde(default)]
    vision_config: Map<String, Value>,
    #[serde(default)]
    img_processor: Processor,
    #[serde(default)]
    embd_layer: Layer,
}

#[derive(Debug, Default, Deserialize)]
struct Processor {
    image_dim_out: Option<i32>,
}

#[derive(Debug, Default, Deserialize)]
struct Layer {
    hd_transform_order: Option<String>,
    projection_cls: Option<String>,
    use_hd_transform: Option<bool>,
    with_learnable_separator: Option<bool>,
}

/// The tower and what leads from it to the decoder.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) vit: VitSizes,
    pub(super) hidden: i32,
}

/// The edge of a tile in pixels.
const TILE: i32 = 336;

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let stored: Stored = parse(config)?;
        let mut vision = json!({
            "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
            "image_size": TILE, "patch_size": 14
        });
        if let Some(fields) = vision.as_object_mut() {
            fields.extend(stored.vision_config.into_iter().filter(|(_, value)| !value.is_null()));
            fields.insert("model_type".into(), "clip_vision_model".into());
        }
        let vit = vit_sizes(&vision, "clip_vision_model")?;
        bounded("config", &[("hidden_size", stored.hidden_size, 1 << 17)])?;
        if let Some(width) = stored.img_processor.image_dim_out.filter(|&width| width != vit.encoder.width) {
            let problem = format!("image_dim_out is {width}: the tower is {} wide", vit.encoder.width);
            return Err(Error::config(problem));
        }
        if vit.side * vit.patch != TILE || vit.side % 2 != 0 || vit.encoder.layers == 0 {
            let problem = format!(
                "vision_config: {} layers, and {} x {} patches of {}: there must be a layer, and tiles of {TILE} pixels in \
                 squares of four patches",
                vit.encoder.layers, vit.side, vit.side, vit.patch
            );
            return Err(Error::config(problem));
        }
        stored.embd_layer.check()?;
        Ok(Self { vit, hidden: stored.hidden_size })
    }
}

impl Layer {
    /// Refuses other ways to see an image than the one that Phi-3-V is published with.
    fn check(&self) -> Result<()> {
        let order = self.hd_transform_order.as_deref().unwrap_or("sub_glb");
        let projection = self.projection_cls.as_deref().unwrap_or("mlp");
        let tiles = self.use_hd_transform.unwrap_or(true) && self.with_learnable_separator.unwrap_or(true);
        if order == "sub_glb" && projection == "mlp" && tiles {
            return Ok(());
        }
        Err(Error::config(
            "embd_layer: supported are tiles with separators before the whole (`sub_glb`) and projection `mlp`",
        ))
    }
}
