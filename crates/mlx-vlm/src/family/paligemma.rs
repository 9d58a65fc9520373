//! PaliGemma 1 and 2: images and the prompt behind them see each other both ways, and what follows sees what is before.
//!
//! Beyer et al., "PaliGemma: A versatile 3B VLM for transfer"; Steiner et al., "PaliGemma 2".
//!
//! A place in an image is four tokens `<loc0000>` to `<loc1023>`: top, left, bottom and right in 1024ths of the height and
//! the width of what is seen, which is the whole image, stretched: `View::at` of shares `number / 1024`.

use mlx_core::{Array, Result as MlxResult};
use mlx_image::Processor;
use mlx_lm::cache::Sight;
use mlx_nn::{Linear, Module};
use mlx_vision::{PatchPlaces, Vit};
use serde::Deserialize;
use serde_json::{Value, json};

use super::siglip::Siglip;
use super::{About, Checkpoint, Family, Layout, Markers, Prepared, Span, decoder_width, parse};
use crate::grounding::Notation;
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct PaliGemma {
    vision_tower: Vit,
    #[module(name = "multi_modal_projector.linear")]
    projector: Linear,
    #[module(skip)]
    siglip: Siglip,
    #[module(skip)]
    images: Processor,
    #[module(skip)]
    tokens: [u32; 1],
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    vision_config: Value,
    #[serde(default = "image_token_index", alias = "image_token_id")]
    image_token_index: u32,
}

fn image_token_index() -> u32 {
    256_000
}

/// What stands for an image in a text, as often as the model takes vectors of it.
const IMAGE: &str = "<image>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<PaliGemma> {
    let config: Config = parse(checkpoint.config)?;
    let defaults = json!({
        "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27, "num_attention_heads": 16,
        "patch_size": 14, "image_size": 224
    });
    let siglip = Siglip::read(&config.vision_config, &defaults)?;
    let hidden = decoder_width(checkpoint.config, Some(2048))?;
    let weights = checkpoint.weights;
    let shape = [hidden, siglip.hidden_size];
    Ok(PaliGemma {
        vision_tower: Vit::load(&weights.at("vision_tower"), &siglip.sizes()?)?,
        projector: weights.at("multi_modal_projector").linear_with_bias("linear", shape, true)?,
        siglip,
        images: Processor::from_dir(checkpoint.directory.path())?,
        tokens: [config.image_token_index],
    })
}

impl Family for PaliGemma {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("PaliGemma takes no videos: show frames of it as images".into()));
        };
        let (pixels, side) = (self.images.apply(image)?, self.siglip.side());
        let tokens = (side * side).unsigned_abs() as usize;
        let about = About { text: IMAGE.repeat(tokens), tokens, grid: [1, side, side], pace: 1.0 };
        Ok(Prepared { about, inputs: vec![self.siglip.patches(&[pixels])?] })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let seen: MlxResult<Vec<_>> = inputs
            .iter()
            .map(|image| {
                let seen = self.vision_tower.forward(image, PatchPlaces::Square)?;
                self.projector.forward(&seen.flatten(0, 1)?)
            })
            .collect();
        Ok(mlx_core::concatenate(&seen?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn notation(&self) -> Option<Notation> {
        Some(Notation::PaliGemma)
    }

    fn layout(&self, length: usize, _spans: &[Span<'_>]) -> Layout {
        let whole = 0..i32::try_from(length).unwrap_or(i32::MAX);
        Layout { together: vec![whole], sight: Sight::Far, ..Layout::default() }
    }
}
