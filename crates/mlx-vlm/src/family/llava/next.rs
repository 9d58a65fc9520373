//! LLaVA-NeXT: the whole image, and tiles of it in the best of some resolutions.

use mlx_core::{Array, concatenate};
use mlx_image::{Size, TileProcessor};
use mlx_nn::{Module, Weights};

use super::IMAGE;
use super::config::{Config, Defaults};
use super::mosaic::{Mosaic, Sheet, see};
use super::sight::Sight;
use crate::family::tiled::patches;
use crate::family::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(in crate::family) struct LlavaNext {
    view: View,
    #[module(skip)]
    tokens: [u32; 1],
}

/// What LLaVA-NeXT and LLaVA-OneVision share.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct View {
    pub(super) sight: Sight,
    /// What ends a row of vectors.
    image_newline: Array,
    #[module(skip)]
    pub(super) tiles: TileProcessor,
}

const DEFAULTS: Defaults =
    Defaults { tower: "clip_vision_model", layer: -2, strategy: "default", image: 32_000 };

pub(in crate::family) fn load(checkpoint: &Checkpoint<'_>) -> Result<LlavaNext> {
    let config = Config::read(checkpoint.config)?;
    let view = View::load(checkpoint, &config, &DEFAULTS)?;
    Ok(LlavaNext { view, tokens: [config.image_token(&DEFAULTS)] })
}

impl View {
    pub(super) fn load(checkpoint: &Checkpoint<'_>, config: &Config, defaults: &Defaults) -> Result<Self> {
        let looks = config.looks(checkpoint.config, defaults)?;
        let (w, [_, _, width]): (&Weights, _) = (checkpoint.weights, looks.connector.widths);
        let view = Self {
            sight: Sight::load(w, &looks)?,
            image_newline: w.parameter("image_newline", [width], |shape, _| {
                Array::zeros(shape, mlx_core::Dtype::Float32)
            })?,
            tiles: TileProcessor::from_dir(checkpoint.directory.path())?,
        };
        view.sight.side()?;
        Ok(view)
    }

    /// The vectors of the whole, then those of the tiles behind it, of which `grid` are in a column and in a row.
    pub(super) fn sheet(&self, grid: Size) -> Result<Sheet> {
        Ok(Sheet { tiles: grid, side: self.sight.side()?, first: self.sight.count() })
    }

    /// The number of what ends a row, behind the vectors of so many tiles.
    pub(super) fn newline(&self, tiles: usize) -> usize {
        tiles * self.sight.count()
    }

    /// What is seen of tiles by a mosaic.
    pub(super) fn prepared(
        &self,
        tiles: &[mlx_image::Pixels],
        mosaic: &Mosaic,
        marker: &str,
    ) -> Result<Prepared> {
        let cut = patches(tiles, self.sight.patch)?;
        self.sight.check(&cut)?;
        let about = About::row(marker.repeat(mosaic.len()), mosaic.len());
        let [numbers, shares] = mosaic.arrays()?;
        Ok(Prepared { about, inputs: vec![cut, numbers, shares] })
    }

    pub(super) fn see(&self, inputs: &[Array]) -> Result<Array> {
        let [patches, numbers, shares] = inputs else {
            return Err(Error::Prompt("an image is not prepared".into()));
        };
        let vectors = self.sight.forward(patches)?;
        let newline = self.image_newline.reshape([1, vectors.dim(-1)?])?.astype(vectors.dtype())?;
        Ok(see(&concatenate([&vectors, &newline], 0)?, numbers, shares)?)
    }
}

impl Family for LlavaNext {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let tiles = self.view.tiles.apply(image)?;
        let sheet = self.view.sheet(tiles.layout.grid)?;
        let mut mosaic = Mosaic::default();
        mosaic.extend(0..self.view.sight.count());
        let [rows, columns] = sheet.shown(image.size());
        let size = Size { height: rows.len(), width: columns.len() };
        mosaic.resized(sheet, [rows, columns], size, Some(self.view.newline(tiles.pixels.len())));
        self.view.prepared(&tiles.pixels, &mosaic, IMAGE)
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        self.view.see(inputs)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}
