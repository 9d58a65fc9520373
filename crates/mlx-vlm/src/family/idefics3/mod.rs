//! Idefics3 and SmolVLM: rows of tiles, each announced by a token, and the whole image behind them.
//!
//! Laurençon et al., "Building and better understanding vision-language models"; Marafioti et al., "SmolVLM".

mod config;
mod film;

use mlx_core::Array;
use mlx_image::{Image, Size, TileProcessor};
use mlx_nn::{Linear, Module};
use mlx_vision::{PatchPlaces, Vit, squares};

use self::config::Config;
use super::places::{Shares, places};
use super::tiled::{grid, patches};
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Idefics3 {
    vision_model: Vit,
    proj: Linear,
    #[module(skip)]
    images: TileProcessor,
    patch: i32,
    /// How many patches are in a column and in a row of the square that positions are learned for.
    side: i32,
    /// The edge of the square of patches that becomes one vector.
    scale: i32,
    #[module(skip)]
    tokens: [u32; 1],
    /// Whether it takes videos: SmolVLM.
    films: bool,
}

/// What stands for a vector, before each tile and behind the last, and before the whole image.
const IMAGE: &str = "<image>";
const AROUND: &str = "<fake_token_around_image>";
const WHOLE: &str = "<global-img>";
const VIDEO: &str = "<video>";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Idefics3> {
    let config = Config::read(checkpoint.config)?;
    let connector = checkpoint.weights.at("connector.modality_projection");
    let wide = config.vit.encoder.width * config.scale_factor * config.scale_factor;
    Ok(Idefics3 {
        vision_model: Vit::load(&checkpoint.weights.at("vision_model"), &config.vit)?,
        proj: connector.linear("proj", [config.text_width, wide])?,
        images: TileProcessor::from_dir(checkpoint.directory.path())?,
        patch: config.vit.patch,
        side: config.vit.side,
        scale: config.scale_factor,
        tokens: [config.image_token_id],
        films: config.takes_videos(),
    })
}

impl Idefics3 {
    /// The patches of an image, how many rows and columns of tiles there are before the whole, and how many tokens a tile
    /// becomes.
    fn cut(&self, image: &Image, cuts: Option<bool>) -> Result<(Array, Size, usize)> {
        let tiles = match cuts {
            None => self.images.apply(image)?,
            Some(cuts) => self.images.clone().cutting(cuts).apply(image)?,
        };
        let cut = patches(&tiles.pixels, self.patch)?;
        let [rows, columns] = grid(&cut)?;
        let each = (rows / self.scale) * (columns / self.scale);
        Ok((cut, tiles.layout.grid, each.unsigned_abs() as usize))
    }

    /// `[tiles, rows, columns, numbers] -> [tokens, hidden]`.
    fn look(&self, patches: &Array) -> Result<Array> {
        let [tiles, rows, columns, _] = patches.dims()?;
        let places = places([rows, columns], self.side, Shares::Multiplied);
        let seen = self.vision_model.forward(&patches.flatten(1, 2)?, PatchPlaces::Taken(&places))?;
        let seen = seen.reshape([tiles, rows, columns, seen.dim(-1)?])?;
        Ok(self.proj.forward(&squares(&seen, self.scale)?.flatten(0, 1)?)?)
    }
}

/// What stands for an image that is seen as a whole.
fn whole(tokens: usize) -> String {
    format!("{AROUND}{WHOLE}{}{AROUND}", IMAGE.repeat(tokens))
}

/// What stands for an image of so many tiles in a column and in a row, and the whole behind them.
fn shown(tiles: Size, tokens: usize) -> String {
    if tiles.height == 0 || tiles.width == 0 {
        return whole(tokens);
    }
    let vectors = IMAGE.repeat(tokens);
    let tile = |row, column| format!("{AROUND}<row_{row}_col_{column}>{vectors}");
    let row = |row| (1..=tiles.width).map(|column| tile(row, column)).collect::<String>() + "\n";
    (1..=tiles.height).map(row).collect::<String>() + "\n" + &whole(tokens)
}

impl Family for Idefics3 {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: self.films.then(|| VIDEO.into()) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let video = match media {
            Media::Image(image) => {
                let (cut, tiles, each) = self.cut(image, None)?;
                let tokens = each * cut.dim(0)?.unsigned_abs() as usize;
                return Ok(Prepared { about: About::row(shown(tiles, each), tokens), inputs: vec![cut] });
            }
            Media::Video(_) if !self.films => {
                return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
            }
            Media::Video(video) => video,
        };
        let (mut inputs, mut frames) = (Vec::new(), Vec::new());
        for frame in &video.frames {
            let (cut, _, each) = self.cut(frame, Some(false))?;
            inputs.push(cut);
            frames.push(each);
        }
        let about = About::row(film::shown(&frames, video.interval), frames.iter().sum());
        Ok(Prepared { about, inputs })
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
    fn rows_of_tiles_come_before_the_whole() {
        let whole = "<fake_token_around_image><global-img><image><fake_token_around_image>";
        let tiles =
            "<fake_token_around_image><row_1_col_1><image><fake_token_around_image><row_1_col_2><image>\n\n";
        assert_eq!(shown(Size { height: 1, width: 2 }, 1), format!("{tiles}{whole}"));
        assert_eq!(shown(Size::square(0), 1), whole);
    }
}
