//! Phi-3-V: tiles of an image as one picture, row by row, and the whole behind it.
//!
//! Abdin et al., "Phi-3 Technical Report: A Highly Capable Language Model Locally on Your Phone". Images are made, and texts
//! between them encoded, as the processor does that the model is published with; mlx-vlm differs in both.

mod config;
mod written;

use mlx_core::fast::Activation as Fast;
use mlx_core::{Array, Dtype, Result as MlxResult, concatenate};
use mlx_image::TileProcessor;
use mlx_nn::{Module, Weights};
use mlx_text::Message;
use mlx_vision::{Activation, PatchPlaces, Vit, squares};

use self::config::Config;
use super::added::added_token;
use super::tiled::{Connector, Projector, patches};
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Phi3V {
    vision_model: Vit,
    img_projection: Projector,
    /// What is between the tiles and the whole, and at the end of each row.
    between: Array,
    row_end: Array,
    #[module(skip)]
    images: TileProcessor,
    patch: i32,
    /// The vectors of a tile in a column and in a row.
    side: i32,
    #[module(skip)]
    tokens: [u32; 1],
}

/// A token that texts have none of, and its number as published. The processor writes negative numbers in its place.
const IMAGE: (&str, u32) = ("<|image|>", 32_044);

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Phi3V> {
    let Config { vit, hidden } = Config::read(checkpoint.config)?;
    let w = checkpoint.weights.at("vision_embed_tokens");
    // The embedding of the decoder, which older checkpoints store twice.
    w.at("wte").ignore(|_| true);
    let wide = 4 * vit.encoder.width;
    let connector =
        Connector { widths: [wide, hidden, hidden], bias: true, activation: Activation::Fast(Fast::Gelu) };
    Ok(Phi3V {
        vision_model: Vit::load(&w.at("img_processor"), &vit)?,
        img_projection: Projector::named(&w.at("img_projection"), ["0", "2"], connector)?,
        between: separator(&w, "glb_GN", wide)?,
        row_end: separator(&w, "sub_GN", wide)?,
        images: TileProcessor::from_dir(checkpoint.directory.path())?,
        patch: vit.patch,
        side: vit.side / 2,
        tokens: [added_token(checkpoint.directory, IMAGE.0).unwrap_or(IMAGE.1)],
    })
}

/// A vector as wide as four patches, `[1, width]`, of which checkpoints have more axes.
fn separator(w: &Weights, name: &str, width: i32) -> Result<Array> {
    let mut shape = vec![1; w.shape(name).map_or(1, |shape| shape.len().saturating_sub(1))];
    shape.push(width);
    let zeros = |shape: &[i32], _: &_| Array::zeros(shape, Dtype::Float32);
    Ok(w.parameter(name, shape, zeros)?.reshape([1, width])?)
}

impl Phi3V {
    /// Vectors of so many rows and columns of tiles, `[tiles, side², width]`, as those of one picture with what ends each row:
    /// `[rows · side · (columns · side + 1), width]`.
    fn rows(&self, tiles: &Array, [rows, columns]: [i32; 2]) -> MlxResult<Array> {
        let (side, width) = (self.side, tiles.dim(-1)?);
        let apart = tiles.reshape([rows, columns, side, side, width])?.transpose([0, 2, 1, 3, 4])?;
        let lines = apart.reshape([rows * side, columns * side, width])?;
        let ends = self.row_end.reshape([1, 1, width])?.broadcast_to([rows * side, 1, width])?;
        concatenate([&lines, &ends], 1)?.flatten(0, 1)
    }

    /// How many tokens an image of so many rows and columns of tiles becomes.
    fn count(&self, [rows, columns]: [i32; 2]) -> usize {
        let picture = |rows: i32, columns: i32| rows * self.side * (columns * self.side + 1);
        (picture(rows, columns) + 1 + picture(1, 1)).unsigned_abs() as usize
    }
}

impl Family for Phi3V {
    fn markers(&self) -> Markers {
        Markers { image: written::MARKER.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let tiles = self.images.apply(image)?;
        let grid = tiles.layout.grid;
        let grid = [grid.height, grid.width].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        let [rows, columns] = grid;
        let about =
            About { text: String::new(), tokens: self.count(grid), grid: [1, rows, columns], pace: 1.0 };
        Ok(Prepared { about, inputs: vec![patches(&tiles.pixels, self.patch)?] })
    }

    fn written(&self, messages: Vec<Message>) -> Vec<Message> {
        written::texts(messages)
    }

    fn reads_apart(&self) -> bool {
        true
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        let [_, rows, columns] = about.grid;
        let mut seen = Vec::with_capacity(inputs.len());
        for patches in inputs {
            let [tiles, high, wide, _] = patches.dims()?;
            let before = self.vision_model.depth().saturating_sub(1);
            let states = self.vision_model.states(&patches.flatten(1, 2)?, PatchPlaces::Square, &[before])?;
            let Some(state) = states.first() else { continue };
            // The first place is the class.
            let state = state.index((.., 1..))?.reshape([tiles, high, wide, state.dim(-1)?])?;
            let all = squares(&state, 2)?;
            let parts = [
                self.rows(&all.index(1..)?, [rows, columns])?,
                self.between.clone(),
                self.rows(&all.index(..1)?, [1, 1])?,
            ];
            seen.push(self.img_projection.forward(&concatenate(&parts, 0)?)?);
        }
        Ok(concatenate(&seen, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}
