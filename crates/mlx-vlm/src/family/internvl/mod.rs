//! InternVL: tiles with the proportions of the image, and a thumbnail.
//!
//! Chen et al., "How Far Are We to GPT-4V? Closing the Gap to Commercial Multimodal Models with Open-Source Suites".

mod config;
mod layer;
mod names;
mod tower;

use mlx_core::Array;
use mlx_image::{Image, TileProcessor};
use mlx_nn::{LayerNorm, LayerNormOptions, Module};
use mlx_vision::squares;

use self::config::Config;
use self::names::Names;
use self::tower::Tower;
use super::tiled::{Projector, patches};
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::grounding::Notation;
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct InternVl {
    vision_tower: Tower,
    layer_norm: LayerNorm,
    multi_modal_projector: Projector,
    #[module(skip)]
    images: TileProcessor,
    /// The edge of the square of patches that becomes one vector.
    #[module(skip)]
    merge: i32,
    #[module(skip)]
    patch: i32,
    /// How many patches are in a column and in a row of a tile.
    #[module(skip)]
    grid: [i32; 2],
    #[module(skip)]
    tokens: [u32; 1],
    /// What the chat template writes for an image.
    #[module(skip)]
    marker: &'static str,
}

/// What stands for a vector, and around an image.
const TOKEN: &str = "<IMG_CONTEXT>";
const START: &str = "<img>";
const END: &str = "</img>";
const VIDEO: &str = "<video>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<InternVl> {
    let config = Config::read(checkpoint.config)?;
    let names = Names::of(checkpoint.weights);
    let connector = config.connector()?;
    let [wide, ..] = connector.widths;
    let projector = checkpoint.weights.at(names.projector);
    let norm = LayerNorm::load(&projector.at(names.projector_norm), wide, LayerNormOptions::default())?;
    Ok(InternVl {
        vision_tower: Tower::load(&checkpoint.weights.at(names.tower), &names, &config.vision)?,
        layer_norm: norm,
        multi_modal_projector: Projector::named(&projector, names.projector_layers, connector)?,
        images: config.processor(checkpoint.directory)?,
        merge: config.merge,
        patch: config.vision.patch,
        grid: config.vision.grid,
        tokens: [config.image_token(checkpoint.directory)],
        marker: config.marker(),
    })
}

impl InternVl {
    /// The patches of an image, of a whole only or of tiles, and how many tokens those are.
    fn cut(&self, image: &Image, cuts: bool) -> Result<(Array, usize)> {
        let tiles = self.images.clone().cutting(cuts).apply(image)?;
        let cut = patches(&tiles.pixels, self.patch)?;
        let [count, rows, columns, _] = cut.dims()?;
        if [rows, columns] != self.grid {
            let [high, wide] = self.grid;
            let problem =
                format!("tiles become {rows} x {columns} patches, but the tower takes {high} x {wide}");
            return Err(Error::Config { file: "preprocessor_config.json".into(), problem });
        }
        let tokens = count * (rows / self.merge) * (columns / self.merge);
        Ok((cut, tokens.unsigned_abs() as usize))
    }
}

/// What stands for an image of so many tokens.
fn shown(tokens: usize) -> String {
    format!("{START}{}{END}", TOKEN.repeat(tokens))
}

impl Family for InternVl {
    fn markers(&self) -> Markers {
        Markers { image: self.marker.into(), video: Some(VIDEO.into()) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let video = match media {
            Media::Image(image) => {
                let (cut, tokens) = self.cut(image, true)?;
                return Ok(Prepared { about: About::row(shown(tokens), tokens), inputs: vec![cut] });
            }
            Media::Video(video) => video,
        };
        let (mut frames, mut texts, mut all) = (Vec::new(), Vec::new(), 0);
        for (frame, number) in video.frames.iter().zip(1..) {
            let (cut, tokens) = self.cut(frame, false)?;
            frames.push(cut);
            texts.push(format!("Frame{number}: {}", shown(tokens)));
            all += tokens;
        }
        Ok(Prepared { about: About::row(texts.join("\n"), all), inputs: frames })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let mut seen = Vec::with_capacity(inputs.len());
        for patches in inputs {
            let x = squares(&self.vision_tower.forward(patches)?, self.merge)?.flatten(0, 1)?;
            seen.push(self.multi_modal_projector.forward(&self.layer_norm.forward(&x)?)?);
        }
        Ok(mlx_core::concatenate(&seen, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn notation(&self) -> Option<Notation> {
        Some(Notation::InternVl)
    }
}
