//! What the config of an InternVL says, that of transformers or that of the model's authors.

use mlx_hub::Directory;
use mlx_image::TileProcessor;
use mlx_vision::Activation;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::family::parse;
use crate::family::tiled::{Connector, Layers, bounded, text_width};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    vision_config: Value,
    #[serde(default)]
    model_type: String,
    #[serde(alias = "image_token_index")]
    image_token_id: Option<u32>,
    #[serde(default = "half")]
    downsample_ratio: f64,
    #[serde(default = "gelu")]
    projector_hidden_act: String,
    #[serde(default = "last", alias = "select_layer")]
    vision_feature_layer: Layers,
    #[serde(default = "default")]
    vision_feature_select_strategy: String,
    min_dynamic_patch: Option<usize>,
    max_dynamic_patch: Option<usize>,
    use_thumbnail: Option<bool>,
    #[serde(skip)]
    pub(super) vision: Vision,
    /// The edge of the square of patches that becomes one vector.
    #[serde(skip)]
    pub(super) merge: i32,
    #[serde(skip)]
    text_width: i32,
}

fn half() -> f64 {
    0.5
}

fn gelu() -> String {
    "gelu".to_owned()
}

fn last() -> Layers {
    Layers::One(-1)
}

fn default() -> String {
    "default".to_owned()
}

/// The tower.
#[derive(Debug, Default)]
pub(super) struct Vision {
    pub(super) layers: usize,
    /// How many of them are run.
    pub(super) depth: usize,
    pub(super) width: i32,
    pub(super) inner: i32,
    pub(super) heads: i32,
    pub(super) patch: i32,
    /// How many patches are in a column and in a row of a tile.
    pub(super) grid: [i32; 2],
    pub(super) eps: f32,
    pub(super) bias: bool,
    pub(super) norms_queries: bool,
    pub(super) rms: bool,
    /// Whether there is no norm behind the layers.
    pub(super) pools: bool,
    activation: String,
}

/// The tower as configs have it, with the defaults of transformers.
#[derive(Deserialize)]
#[serde(default)]
struct Stored {
    hidden_size: i32,
    num_hidden_layers: usize,
    num_attention_heads: i32,
    intermediate_size: i32,
    num_channels: i32,
    image_size: Edges,
    patch_size: Edges,
    hidden_act: String,
    layer_norm_eps: f32,
    norm_type: String,
    #[serde(alias = "qkv_bias")]
    attention_bias: bool,
    #[serde(alias = "qk_normalization")]
    use_qk_norm: bool,
    use_mean_pooling: bool,
}

/// A height and a width, or both at once.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "a size is a whole number or two")]
enum Edges {
    One(i32),
    Two([i32; 2]),
}

impl Default for Stored {
    fn default() -> Self {
        Self {
            hidden_size: 1024,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            intermediate_size: 4096,
            num_channels: 3,
            image_size: Edges::One(448),
            patch_size: Edges::One(14),
            hidden_act: gelu(),
            layer_norm_eps: 1e-6,
            norm_type: "layer_norm".to_owned(),
            attention_bias: false,
            use_qk_norm: false,
            use_mean_pooling: true,
        }
    }
}

impl Edges {
    fn both(self) -> [i32; 2] {
        match self {
            Self::One(edge) => [edge; 2],
            Self::Two(edges) => edges,
        }
    }
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let mut read: Self = parse(config)?;
        read.vision = Vision::new(parse(&read.vision_config)?)?;
        // States are the outputs of layers, and before them what goes into the first.
        let states = read.vision_feature_layer.numbers(read.vision.layers)?;
        let [depth] = states.as_slice() else {
            return Err(Error::config("vision_feature_layer names several layers: one is supported"));
        };
        read.vision.depth = *depth;
        if read.vision_feature_select_strategy != "default" {
            return Err(Error::config("vision_feature_select_strategy must be `default`"));
        }
        let merge = (1.0 / read.downsample_ratio).round();
        let [rows, columns] = read.vision.grid;
        if !(1.0..=16.0).contains(&merge) || rows % merge as i32 != 0 || columns % merge as i32 != 0 {
            let ratio = read.downsample_ratio;
            let problem =
                format!("downsample_ratio is {ratio}: tiles of {rows} x {columns} patches have none such");
            return Err(Error::config(problem));
        }
        read.merge = merge as i32;
        read.text_width = text_width(config)?;
        Ok(read)
    }

    pub(super) fn connector(&self) -> Result<Connector> {
        Ok(Connector {
            widths: [self.vision.width * self.merge * self.merge, self.text_width, self.text_width],
            bias: true,
            activation: Activation::named(&self.projector_hidden_act)?,
        })
    }

    /// The token of a vector, of which configs of the model's authors say nothing.
    pub(super) fn image_token(&self, directory: &Directory) -> u32 {
        let added = || directory.json("added_tokens.json").ok()?.get(super::TOKEN)?.as_u64()?.try_into().ok();
        self.image_token_id.or_else(added).unwrap_or(151_667)
    }

    /// What the chat template writes for an image: that of the model's authors writes `<image>`.
    pub(super) fn marker(&self) -> &'static str {
        if self.model_type == "internvl_chat" { "<image>" } else { super::TOKEN }
    }

    /// What cuts images. Checkpoints of the model's authors say in their `config.json` how.
    pub(super) fn processor(&self, directory: &Directory) -> Result<TileProcessor> {
        if self.model_type != "internvl_chat" {
            return Ok(TileProcessor::from_dir(directory.path())?);
        }
        if self.use_thumbnail == Some(false) {
            return Err(Error::config("use_thumbnail is false: tiles without one are not supported"));
        }
        let file = directory.json("preprocessor_config.json").unwrap_or_default();
        let field = |name: &str, other: [f64; 3]| file.get(name).cloned().unwrap_or_else(|| json!(other));
        let edge = |patches: i32| patches * self.vision.patch;
        let [height, width] = self.vision.grid.map(edge);
        Ok(TileProcessor::from_json(&json!({
            "image_processor_type": "GotOcr2ImageProcessor",
            "size": {"height": height, "width": width},
            "min_patches": self.min_dynamic_patch.unwrap_or(1),
            "max_patches": self.max_dynamic_patch.unwrap_or(12),
            "image_mean": field("image_mean", [0.485, 0.456, 0.406]),
            "image_std": field("image_std", [0.229, 0.224, 0.225]),
        }))?)
    }
}

impl Vision {
    fn new(stored: Stored) -> Result<Self> {
        let ([high, wide], [down, across]) = (stored.image_size.both(), stored.patch_size.both());
        bounded(
            "vision_config",
            &[
                ("hidden_size", stored.hidden_size, 1 << 16),
                ("intermediate_size", stored.intermediate_size, 1 << 18),
                ("num_attention_heads", stored.num_attention_heads, 1 << 10),
                ("patch_size", down, 1 << 8),
                ("patch_size", across, 1 << 8),
                ("image_size", high, 1 << 13),
                ("image_size", wide, 1 << 13),
            ],
        )?;
        let (layers, width, heads) =
            (stored.num_hidden_layers, stored.hidden_size, stored.num_attention_heads);
        if layers > 1024 || width % heads != 0 || down != across || stored.num_channels != 3 {
            let problem = format!(
                "vision_config: {layers} layers, {width} wide with {heads} heads, patches of {down} x {across}: at most \
                 1024 layers, heads must divide the width, patches must be squares, and num_channels 3"
            );
            return Err(Error::config(problem));
        }
        let rms = match stored.norm_type.as_str() {
            "layer_norm" => false,
            "rms_norm" => true,
            other => {
                return Err(Error::config(format!("vision_config: norm_type `{other}` is not supported")));
            }
        };
        Ok(Self {
            layers,
            depth: layers,
            width,
            inner: stored.intermediate_size,
            heads,
            patch: down,
            grid: [high / down, wide / across],
            eps: stored.layer_norm_eps,
            bias: stored.attention_bias,
            norms_queries: stored.use_qk_norm,
            rms,
            pools: stored.use_mean_pooling,
            activation: stored.hidden_act,
        })
    }

    pub(super) fn activation(&self) -> Result<Activation> {
        Ok(Activation::named(&self.activation)?)
    }
}
