//! What the config of a MiniCPM-V 4.6 says.

use mlx_hub::Directory;
use mlx_vision::VitSizes;
use serde::Deserialize;
use serde_json::Value;

use crate::family::parse;
use crate::family::tiled::{bounded, text_width, vit_sizes};
use crate::{Error, Result};

/// The parts of `config.json` that are not the decoder's.
#[derive(Debug, Deserialize)]
struct Stored {
    vision_config: Value,
    image_token_id: Option<u32>,
    video_token_id: Option<u32>,
    insert_layer_id: Option<i64>,
    downsample_mode: Option<String>,
    merge_kernel_size: Option<[i32; 2]>,
    merger_times: Option<i32>,
}

/// What a tower of this family has beside others.
#[derive(Debug, Deserialize)]
struct Window {
    window_kernel_size: Option<[i32; 2]>,
}

/// The tower and what leads from it to the decoder.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) vit: VitSizes,
    /// The layer behind which patches are merged, if they are within the tower.
    pub(super) merges_behind: Option<usize>,
    pub(super) text_width: i32,
    pub(super) tokens: [u32; 2],
}

impl Config {
    pub(super) fn read(config: &Value) -> Result<Self> {
        let stored: Stored = parse(config)?;
        let vit = vit_sizes(&stored.vision_config, "minicpmv4_6_vision")?;
        // The layer that merges is four times as wide.
        bounded("vision_config", &[("intermediate_size", vit.encoder.inner, 1 << 17)])?;
        let window: Window = parse(&stored.vision_config)?;
        for (field, found) in [
            ("merge_kernel_size", stored.merge_kernel_size),
            ("window_kernel_size", window.window_kernel_size),
        ] {
            if let Some([rows, columns]) = found.filter(|found| *found != [2, 2]) {
                return Err(Error::config(format!("{field} is {rows} x {columns}: it must be 2 x 2")));
            }
        }
        if let Some(times) = stored.merger_times.filter(|&times| times != 1) {
            let problem = format!("merger_times is {times}: squares are merged once behind the tower");
            return Err(Error::config(problem));
        }
        let token =
            |name: &str, id: Option<u32>| id.ok_or_else(|| Error::config(format!("{name} is missing")));
        Ok(Self {
            merges_behind: merging(&stored, vit.encoder.layers)?,
            vit,
            text_width: text_width(config)?,
            tokens: [
                token("image_token_id", stored.image_token_id)?,
                token("video_token_id", stored.video_token_id)?,
            ],
        })
    }

    /// The edge of the square of patches that becomes one vector.
    pub(super) fn edge(&self) -> i32 {
        if self.merges_behind.is_some() { 4 } else { 2 }
    }
}

/// The layer of so many behind which patches are merged.
fn merging(stored: &Stored, layers: usize) -> Result<Option<usize>> {
    match stored.downsample_mode.as_deref() {
        None | Some("16x") => {}
        Some("4x") => return Ok(None),
        Some(mode) => {
            let problem = format!("downsample_mode `{mode}` is not supported (known: 4x, 16x)");
            return Err(Error::config(problem));
        }
    }
    let layer = stored.insert_layer_id.unwrap_or(6);
    match usize::try_from(layer).ok().filter(|layer| *layer < layers) {
        Some(layer) => Ok(Some(layer)),
        None => Err(Error::config(format!("insert_layer_id is {layer}: the tower has {layers} layers"))),
    }
}

/// Whether images are numbered, by what the processor's files say.
pub(super) fn numbers_images(directory: &Directory) -> bool {
    let own = |file: Value| file.get("use_image_id")?.as_bool();
    let older = directory.json("preprocessor_config.json").ok().and_then(own);
    let newer = || own(directory.json("processor_config.json").ok()?.get("image_processor")?.clone());
    older.or_else(newer).unwrap_or(true)
}
