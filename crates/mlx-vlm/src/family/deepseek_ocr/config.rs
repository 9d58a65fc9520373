//! What the config of a DeepSeek-OCR says.

use mlx_hub::Directory;
use mlx_image::TileProcessor;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::family::parse;
use crate::family::tiled::bounded;
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    vision_config: Vision,
    #[serde(default)]
    projector_config: Projector,
    #[serde(default = "image_token", alias = "image_token_id")]
    pub(super) image_token_index: u32,
    #[serde(default = "tile_tag")]
    tile_tag: String,
}

#[derive(Debug, Deserialize)]
struct Vision {
    #[serde(default)]
    width: Value,
}

impl Default for Vision {
    fn default() -> Self {
        Self { width: Value::Null }
    }
}

/// From the towers to the decoder.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Projector {
    projector_type: String,
    n_embed: i32,
}

impl Default for Projector {
    fn default() -> Self {
        Self { projector_type: "linear".to_owned(), n_embed: 1280 }
    }
}

/// The towers by their names.
#[derive(Debug, Deserialize)]
struct Towers {
    #[serde(default, rename = "sam_vit_b")]
    sam: Sam,
    #[serde(default, rename = "clip-l-14-224")]
    clip: Clip,
}

/// The tower that sees pixels. Fields that published configs have not are of the size that all have.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Sam {
    pub(super) width: i32,
    pub(super) layers: usize,
    pub(super) heads: i32,
    pub(super) global_attn_indexes: Vec<usize>,
    /// The widths behind the two convolutions that halve the rows and columns.
    pub(super) downsample_channels: [i32; 2],
    /// The width before these.
    pub(super) prompt_embed_dim: i32,
    /// The edge in pixels of the square that places are learned for.
    image_size: i32,
    pub(super) patch_size: i32,
    pub(super) window_size: i32,
}

impl Default for Sam {
    fn default() -> Self {
        Self {
            width: 768,
            layers: 12,
            heads: 12,
            global_attn_indexes: vec![2, 5, 8, 11],
            downsample_channels: [512, 1024],
            prompt_embed_dim: 256,
            image_size: 1024,
            patch_size: 16,
            window_size: 14,
        }
    }
}

/// The tower that sees what the other saw.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Clip {
    pub(super) width: i32,
    pub(super) layers: usize,
    pub(super) heads: i32,
    image_size: i32,
    patch_size: i32,
}

impl Default for Clip {
    fn default() -> Self {
        Self { width: 1024, layers: 24, heads: 16, image_size: 224, patch_size: 14 }
    }
}

/// The towers and the width of the decoder, all of which go together.
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) sam: Sam,
    pub(super) clip: Clip,
    pub(super) hidden: i32,
}

fn image_token() -> u32 {
    128_815
}

fn tile_tag() -> String {
    "2D".to_owned()
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        parse(config)
    }

    /// # Errors
    /// The model is another of this type, or a size cannot be.
    pub(super) fn sizes(&self) -> Result<Sizes> {
        let Value::Object(_) = &self.vision_config.width else {
            return Err(Error::config(
                "vision_config: width names no towers: of the type `deepseek_vl_v2` only DeepSeek-OCR is supported",
            ));
        };
        let Projector { projector_type, n_embed } = &self.projector_config;
        if projector_type != "linear" || self.tile_tag != "2D" {
            let problem = format!(
                "projector_type `{projector_type}` and tile_tag `{}` are not supported (known: linear, 2D)",
                self.tile_tag
            );
            return Err(Error::config(problem));
        }
        bounded("projector_config", &[("n_embed", *n_embed, 1 << 17)])?;
        let Towers { sam, clip } = parse(&self.vision_config.width)?;
        sam.check()?;
        clip.check(&sam)?;
        Ok(Sizes { sam, clip, hidden: *n_embed })
    }
}

impl Sam {
    fn check(&self) -> Result<()> {
        let [first, second] = self.downsample_channels;
        let sizes = [
            ("width", self.width, 1 << 16),
            ("heads", self.heads, 1 << 10),
            ("downsample_channels", first, 1 << 16),
            ("downsample_channels", second, 1 << 16),
            ("prompt_embed_dim", self.prompt_embed_dim, 1 << 16),
            ("image_size", self.image_size, 1 << 14),
            ("patch_size", self.patch_size, 1 << 10),
            ("window_size", self.window_size, 1 << 10),
        ];
        bounded("vision_config: sam_vit_b", &sizes)?;
        even("sam_vit_b", self.layers, [self.width, self.heads])?;
        bounded("vision_config: sam_vit_b", &[("image_size / patch_size", self.side(), 1 << 10)])
    }

    /// How many places are learned in a column and in a row.
    pub(super) fn side(&self) -> i32 {
        self.image_size / self.patch_size.max(1)
    }

    /// How many vectors there are in a line of so many pixels: it is halved twice.
    pub(super) fn shrunk(&self, pixels: usize) -> usize {
        (pixels / self.patch_size.max(1).unsigned_abs() as usize).div_ceil(4)
    }
}

impl Clip {
    fn check(&self, sam: &Sam) -> Result<()> {
        let sizes = [
            ("width", self.width, 1 << 16),
            ("heads", self.heads, 1 << 10),
            ("image_size", self.image_size, 1 << 14),
            ("patch_size", self.patch_size, 1 << 10),
        ];
        bounded("vision_config: clip-l-14-224", &sizes)?;
        even("clip-l-14-224", self.layers, [self.width, self.heads])?;
        bounded("vision_config: clip-l-14-224", &[("image_size / patch_size", self.side(), 1 << 10)])?;
        let [_, last] = sam.downsample_channels;
        if last == self.width {
            return Ok(());
        }
        let problem = format!(
            "vision_config: sam_vit_b ends with downsample_channels {last} before clip-l-14-224 of width {}",
            self.width
        );
        Err(Error::config(problem))
    }

    /// How many places are learned in a column and in a row.
    pub(super) fn side(&self) -> i32 {
        self.image_size / self.patch_size.max(1)
    }
}

fn even(tower: &str, layers: usize, [width, heads]: [i32; 2]) -> Result<()> {
    if layers <= 1024 && width % heads == 0 {
        return Ok(());
    }
    let problem = format!(
        "vision_config: {tower}: {layers} layers, {width} wide with {heads} heads: at most 1024, and heads of equal width"
    );
    Err(Error::config(problem))
}

/// The processor of images, of which checkpoints say little, and not in transformers' words.
pub(super) fn processor(directory: &Directory) -> Result<TileProcessor> {
    let found = ["preprocessor_config.json", "processor_config.json"]
        .into_iter()
        .find(|name| directory.file(name).is_some());
    let file = found.map(|name| directory.json(name)).transpose()?.unwrap_or_default();
    let mut config = json!({ "processor_class": "DeepseekVLV2Processor" });
    for name in ["base_size", "image_size", "image_mean", "image_std"] {
        if let (Some(value), Some(fields)) = (file.get(name), config.as_object_mut()) {
            fields.insert(name.to_owned(), value.clone());
        }
    }
    Ok(TileProcessor::from_json(&config)?)
}
