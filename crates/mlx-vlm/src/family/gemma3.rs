//! Gemma 3: tiles of one size through SigLIP, whose patches are averaged in squares. An image's tokens see each other.
//!
//! Gemma Team, "Gemma 3 Technical Report".

use mlx_core::{Array, Result as MlxResult};
use mlx_image::TileProcessor;
use mlx_lm::cache::Sight;
use mlx_nn::{Linear, Module, RmsNorm, Weights};
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
pub(super) struct Gemma3 {
    vision_tower: Vit,
    multi_modal_projector: Projector,
    #[module(skip)]
    siglip: Siglip,
    #[module(skip)]
    images: TileProcessor,
    #[module(skip)]
    tokens: [u32; 1],
}

/// From patches to vectors of the decoder.
#[derive(Module)]
#[module(no_tree)]
struct Projector {
    mm_soft_emb_norm: RmsNorm,
    projection: Linear,
    /// The patches in a column and in a row, and the tokens.
    sides: [i32; 2],
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    vision_config: Value,
    #[serde(default = "mm_tokens_per_image")]
    mm_tokens_per_image: i32,
    #[serde(default = "image_token_index", alias = "image_token_id")]
    image_token_index: u32,
}

fn mm_tokens_per_image() -> i32 {
    256
}

fn image_token_index() -> u32 {
    262_144
}

/// What stands for an image in the text of a conversation, and in what the model takes for each tile.
const START: &str = "<start_of_image>";
const SOFT: &str = "<image_soft_token>";
const END: &str = "<end_of_image>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Gemma3> {
    let config: Config = parse(checkpoint.config)?;
    let siglip = Siglip::read(&config.vision_config, &json!({}))?;
    let (patches, tokens) = (siglip.side(), config.mm_tokens_per_image.max(0).isqrt());
    if tokens == 0 || tokens * tokens != config.mm_tokens_per_image || patches % tokens != 0 {
        let problem = format!(
            "mm_tokens_per_image is {}: it must be the square of what divides {patches}, the patches of a row",
            config.mm_tokens_per_image
        );
        return Err(Error::config(problem));
    }
    let hidden = decoder_width(checkpoint.config, None)?;
    let weights = checkpoint.weights;
    let projector = weights.at("multi_modal_projector");
    Ok(Gemma3 {
        vision_tower: Vit::load(&weights.at("vision_tower"), &siglip.sizes()?)?,
        multi_modal_projector: Projector::load(&projector, &siglip, hidden, [patches, tokens])?,
        siglip,
        images: TileProcessor::from_dir(checkpoint.directory.path())?,
        tokens: [config.image_token_index],
    })
}

impl Projector {
    fn load(w: &Weights, siglip: &Siglip, hidden: i32, sides: [i32; 2]) -> Result<Self> {
        let width = siglip.hidden_size;
        let scale = (w.array("mm_soft_emb_norm.weight", [width])? + 1.0)?;
        let weight = w.array("mm_input_projection_weight", [width, hidden])?;
        Ok(Self {
            mm_soft_emb_norm: RmsNorm::new(scale, siglip.layer_norm_eps),
            projection: Linear::new(weight.t()?, None),
            sides,
        })
    }

    /// `[tiles, patches, width] -> [tiles · tokens, hidden]`.
    fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [patches, tokens] = self.sides;
        let [tiles, _, width] = x.dims()?;
        let edge = patches / tokens.max(1);
        let squares = x.reshape([tiles, tokens, edge, tokens, edge, width])?.mean([2, 4])?;
        self.projection.forward(&self.mm_soft_emb_norm.forward(&squares.reshape([-1, width])?)?)
    }
}

impl Gemma3 {
    /// The text that stands for an image of so many tiles, of which all but the first are parts of it.
    fn text(&self, tiles: usize) -> String {
        let [_, side] = self.multi_modal_projector.sides;
        let soft = SOFT.repeat((side * side).unsigned_abs() as usize);
        let whole = format!("\n\n{START}{soft}{END}\n\n");
        if tiles < 2 {
            return whole;
        }
        let parts = vec![whole.as_str(); tiles - 1].join(" ");
        format!("Here is the original image {whole} and here are some crops to help you see better {parts}")
    }
}

impl Family for Gemma3 {
    fn markers(&self) -> Markers {
        Markers { image: START.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("Gemma 3 takes no videos: show frames of it as images".into()));
        };
        let tiles = self.images.apply(image)?.pixels;
        let [_, side] = self.multi_modal_projector.sides;
        let count = i32::try_from(tiles.len()).unwrap_or(i32::MAX);
        let about = About {
            text: self.text(tiles.len()),
            tokens: tiles.len() * (side * side).unsigned_abs() as usize,
            grid: [count, side, side],
            pace: 1.0,
        };
        Ok(Prepared { about, inputs: vec![self.siglip.patches(&tiles)?] })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let seen: MlxResult<Vec<_>> = inputs
            .iter()
            .map(|tiles| {
                self.multi_modal_projector.forward(&self.vision_tower.forward(tiles, PatchPlaces::Square)?)
            })
            .collect();
        Ok(mlx_core::concatenate(&seen?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn notation(&self) -> Option<Notation> {
        Some(Notation::Gemma)
    }

    fn layout(&self, _length: usize, spans: &[Span<'_>]) -> Layout {
        Layout::together(spans, Sight::Windowed)
    }
}
