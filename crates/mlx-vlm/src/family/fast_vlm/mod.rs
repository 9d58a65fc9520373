//! FastVLM: a square image through a tower of convolutions, in the end with attention.
//!
//! Vasu et al., "FastVLM: Efficient Vision Encoding for Vision Language Models"; the tower is that of timm, as transformers
//! has it, for inference.

mod block;
mod config;
mod conv;
mod names;
mod tower;

use mlx_core::Array;
use mlx_hub::Directory;
use mlx_image::{Pixels, Processor};
use mlx_nn::Module;
use mlx_text::Tokenizer;
use serde_json::json;

use self::config::Config;
use self::names::Names;
use self::tower::Tower;
use super::tiled::Projector;
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct FastVlm {
    vision_tower: Tower,
    multi_modal_projector: Projector,
    #[module(skip)]
    images: Processor,
    #[module(skip)]
    tokens: [u32; 1],
    /// Whether the tokenizer does not know the token.
    #[module(skip)]
    foreign: bool,
}

/// What stands for an image in a text.
const IMAGE: &str = "<image>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<FastVlm> {
    let config = Config::read(checkpoint.config)?;
    let weights = checkpoint.weights;
    let (names, tower, places) = Names::of(weights, &config)?;
    let deepest = places.last().map_or(0, |place| place.sizes.width);
    let (connector, layers) = (config.connector(deepest)?, names.projector_layers);
    Ok(FastVlm {
        vision_tower: Tower::load(&tower, &names, &places)?,
        multi_modal_projector: Projector::named(&weights.at(names.projector), layers, connector)?,
        images: processor(checkpoint.directory, &config)?,
        tokens: [config.image_token()],
        foreign: config.is_of_authors(),
    })
}

/// What prepares images. Checkpoints of the authors need not say it.
fn processor(directory: &Directory, config: &Config) -> Result<Processor> {
    let path = directory.path();
    if !config.is_of_authors() {
        return Ok(Processor::from_dir(path)?);
    }
    let told =
        ["preprocessor_config.json", "processor_config.json"].iter().any(|name| path.join(name).is_file());
    let processor = if told {
        Processor::from_dir(path)?
    } else {
        let (class, edge) = ("FastVLMImageProcessor", config.edge());
        let crop = json!({"height": edge, "width": edge});
        let size = json!({"shortest_edge": edge});
        Processor::from_json(&json!({"image_processor_type": class, "size": size, "crop_size": crop}))?
    };
    Ok(processor.squaring(config.squares()))
}

impl Family for FastVlm {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let Pixels { size, values } = self.images.apply(image)?;
        let edges = [size.height, size.width];
        let tokens = edges.map(|edge| self.vision_tower.shrunk(edge)).iter().product();
        let [rows, columns] = edges.map(|edge| i32::try_from(edge).unwrap_or(i32::MAX));
        let pixels = Array::from_vec(values, [1, rows, columns, 3])?;
        Ok(Prepared { about: About::row(IMAGE.repeat(tokens), tokens), inputs: vec![pixels] })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let mut seen = Vec::with_capacity(inputs.len());
        for pixels in inputs {
            let x = self.vision_tower.forward(pixels)?.flatten(0, 2)?;
            seen.push(self.multi_modal_projector.forward(&x)?);
        }
        Ok(mlx_core::concatenate(&seen, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn encode(&self, text: &str, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        let [token] = self.tokens;
        if self.foreign { apart(text, (IMAGE, token), tokenizer) } else { Ok(tokenizer.encode(text, false)?) }
    }

    fn inline(&self) -> Option<&str> {
        Some("<image>\n")
    }
}

/// The tokens of a text in which a mark is a token that the tokenizer does not know.
fn apart(text: &str, (mark, token): (&str, u32), tokenizer: &Tokenizer) -> Result<Vec<u32>> {
    let mut tokens = Vec::new();
    for (at, piece) in text.split(mark).enumerate() {
        tokens.extend((at > 0).then_some(token));
        if !piece.is_empty() {
            tokens.extend(tokenizer.encode(piece, false)?);
        }
    }
    Ok(tokens)
}
