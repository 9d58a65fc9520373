//! LFM2-VL: an image in its own proportions, or tiles of it and that.
//!
//! Liquid AI, "LFM2 Technical Report"; the tower is SigLIP 2 with NaFlex.

mod config;

use mlx_core::Array;
use mlx_image::{Size, TileProcessor};
use mlx_nn::{LayerNorm, LayerNormOptions, Module};
use mlx_vision::{PatchPlaces, Vit, squares};

use self::config::Config;
use super::tiled::{Projector, grid, patches};
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Lfm2Vl {
    vision_tower: Vit,
    layer_norm: Option<LayerNorm>,
    multi_modal_projector: Projector,
    #[module(skip)]
    images: TileProcessor,
    patch: i32,
    /// The edge of the square of patches that becomes one vector.
    factor: i32,
    #[module(skip)]
    tokens: [u32; 1],
}

/// What stands for a vector, around an image, and before the whole image behind its tiles.
const IMAGE: &str = "<image>";
const START: &str = "<|image_start|>";
const END: &str = "<|image_end|>";
const THUMBNAIL: &str = "<|img_thumbnail|>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Lfm2Vl> {
    let config = Config::read(checkpoint.config)?;
    let connector = config.connector()?;
    let [wide, ..] = connector.widths;
    let projector = checkpoint.weights.at("multi_modal_projector");
    let norm = || LayerNorm::load(&projector.at("layer_norm"), wide, LayerNormOptions::default());
    Ok(Lfm2Vl {
        vision_tower: Vit::load(&checkpoint.weights.at("vision_tower"), &config.vit)?,
        layer_norm: config.projector_use_layernorm.then(norm).transpose()?,
        multi_modal_projector: Projector::load(&projector, connector)?,
        images: TileProcessor::from_dir(checkpoint.directory.path())?,
        patch: config.vit.patch,
        factor: config.downsample_factor,
        tokens: [config.image_token_id],
    })
}

impl Lfm2Vl {
    /// How many tokens an image of such patches becomes.
    fn count(&self, patches: &Array) -> Result<usize> {
        let [rows, columns] = grid(patches)?.map(|count| (count / self.factor).unsigned_abs() as usize);
        Ok(rows * columns)
    }

    /// `[tiles, rows, columns, numbers] -> [tokens, hidden]`.
    fn look(&self, patches: &Array) -> Result<Array> {
        let [tiles, rows, columns, _] = patches.dims()?;
        let places = PatchPlaces::Resized([rows, columns]);
        let seen = self.vision_tower.forward(&patches.flatten(1, 2)?, places)?;
        let seen = seen.reshape([tiles, rows, columns, seen.dim(-1)?])?;
        let mut x = squares(&seen, self.factor)?.flatten(0, 1)?;
        if let Some(norm) = &self.layer_norm {
            x = norm.forward(&x)?;
        }
        Ok(self.multi_modal_projector.forward(&x)?)
    }
}

/// What stands for an image: `tile` tokens for each of its tiles, and `whole` for all of it, if that is seen.
fn shown(tiles: Size, tile: usize, whole: Option<usize>) -> String {
    let cut = tiles.height > 1 || tiles.width > 1;
    let mut text = START.to_owned();
    let places = (1..=tiles.height).flat_map(|row| (1..=tiles.width).map(move |column| (row, column)));
    for (row, column) in places.filter(|_| cut) {
        text += &format!("<|img_row_{row}_col_{column}|>{}", IMAGE.repeat(tile));
    }
    if let Some(whole) = whole {
        text += if cut { THUMBNAIL } else { "" };
        text += &IMAGE.repeat(whole);
    }
    text + END
}

impl Family for Lfm2Vl {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let found = self.images.apply(image)?;
        let grid = found.layout.grid;
        let count = if grid.height > 1 || grid.width > 1 { grid.height * grid.width } else { 0 };
        let (tiles, whole) = found.pixels.split_at_checked(count).unwrap_or_default();
        let mut inputs = Vec::with_capacity(2);
        for part in [tiles, whole] {
            if !part.is_empty() {
                inputs.push(patches(part, self.patch)?);
            }
        }
        let tile = if tiles.is_empty() { 0 } else { inputs.first().map_or(Ok(0), |cut| self.count(cut))? };
        let rest =
            if whole.is_empty() { None } else { inputs.last().map(|cut| self.count(cut)).transpose()? };
        let tokens = tile * tiles.len() + rest.unwrap_or_default();
        Ok(Prepared { about: About::row(shown(grid, tile, rest), tokens), inputs })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let seen: Result<Vec<_>> = inputs.iter().map(|patches| self.look(patches)).collect();
        Ok(mlx_core::concatenate(&seen?, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_told_by_row_and_column() {
        assert_eq!(shown(Size::square(0), 0, Some(2)), "<|image_start|><image><image><|image_end|>");
        let tiles = "<|image_start|><|img_row_1_col_1|><image><|img_row_1_col_2|><image>";
        let row = Size { height: 1, width: 2 };
        assert_eq!(shown(row, 1, None), format!("{tiles}<|image_end|>"));
        assert_eq!(shown(row, 1, Some(1)), format!("{tiles}<|img_thumbnail|><image><|image_end|>"));
    }
}
