//! DeepSeek-OCR: tiles and the whole image through SAM, through CLIP behind it, and both side by side.
//!
//! Wei et al., "DeepSeek-OCR: Contexts Optical Compression". Where it is asked for places, the model writes them between
//! `<|det|>` and `<|/det|>` as thousandths of the width and the height of the image that was given, as `View::at` of
//! `mlx-image` takes them for the whole.

mod clip;
mod config;
mod convolution;
mod relative;
mod sam;

use mlx_core::{Array, Result as MlxResult, concatenate};
use mlx_image::{Pixels, Size, TileProcessor, Tiles};
use mlx_nn::{Linear, Module};

use self::clip::Clip;
use self::config::{Config, Sizes};
use self::sam::Sam;
use super::tiled::patches;
use super::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The towers with their processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct DeepSeekOcr {
    sam_model: Sam,
    vision_model: Clip,
    projector: Linear,
    /// What ends a row.
    image_newline: Array,
    /// What ends an image.
    view_separator: Array,
    #[module(skip)]
    sizes: config::Sam,
    #[module(skip)]
    images: TileProcessor,
    #[module(skip)]
    tokens: [u32; 1],
}

/// What stands for an image in a text.
const IMAGE: &str = "<image>";

/// What checkpoints have no template for: texts as they are, each image in a line before its own.
const TEMPLATE: &str = "{{ bos_token }}{% for message in messages %}{% if message.content is string %}\
    {{ message.content }}{% else %}{% for part in message.content %}{% if part.type == 'image' %}<image>\n\
    {% elif part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endif %}{% endfor %}";

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<DeepSeekOcr> {
    let config = Config::read(checkpoint.config)?;
    let Sizes { sam, clip, hidden } = config.sizes()?;
    let weights = checkpoint.weights;
    // The authors' spelling, and that of MLX.
    let separator = ["view_separator", "view_seperator"].into_iter().find(|name| weights.contains(name));
    Ok(DeepSeekOcr {
        sam_model: Sam::load(&weights.at("sam_model"), &sam)?,
        vision_model: Clip::load(&weights.at("vision_model"), &clip)?,
        projector: weights.linear_with_bias("projector.layers", [hidden, 2 * clip.width], true)?,
        image_newline: weights.array("image_newline", [hidden])?,
        view_separator: weights.array(separator.unwrap_or("view_separator"), [hidden])?,
        sizes: sam,
        images: config::processor(checkpoint.directory)?,
        tokens: [config.image_token_index],
    })
}

impl DeepSeekOcr {
    /// How many rows of vectors an image of so many tiles has in a column, and how many there are in a row of these.
    fn lines(&self, tile: &Pixels, grid: Size) -> Size {
        let Size { height, width } = tile.size;
        let [rows, columns] = [height, width].map(|pixels| self.sizes.shrunk(pixels));
        Size { height: rows * grid.height, width: columns * grid.width + 1 }
    }

    /// The vectors of images that are side by side, row by row: `[rows · (columns + 1), hidden]`.
    fn mosaic(&self, images: &Array, [height, width]: [i32; 2]) -> MlxResult<Array> {
        let mut seen = Vec::new();
        for at in 0..images.dim(0)? {
            let vectors = self.view(&images.index(at..at + 1)?)?;
            vectors.eval()?;
            seen.push(vectors);
        }
        let vectors = concatenate(&seen, 0)?;
        let [_, rows, columns, hidden] = vectors.dims()?;
        let sheet = vectors.reshape([height, width, rows, columns, hidden])?.transpose([0, 2, 1, 3, 4])?;
        let (rows, columns) = (height * rows, width * columns);
        let ends = self.image_newline.reshape([1, 1, hidden])?.broadcast_to([rows, 1, hidden])?;
        let lines =
            concatenate([&sheet.reshape([rows, columns, hidden])?, &ends.astype(vectors.dtype())?], 1)?;
        lines.reshape([rows * (columns + 1), hidden])
    }

    /// Patches `[1, rows, columns, numbers]` of an image to `[1, rows, columns, hidden]`, where there are fewer of these.
    fn view(&self, patches: &Array) -> MlxResult<Array> {
        let near = self.sam_model.forward(patches)?;
        let far = self.vision_model.forward(&near)?;
        self.projector.forward(&concatenate([&far, &near], -1)?)
    }
}

impl Family for DeepSeekOcr {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn template(&self) -> Option<&str> {
        Some(TEMPLATE)
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show its frames as images".into()));
        };
        let Tiles { layout, pixels } = self.images.apply(image)?;
        let Some((whole, tiles)) = pixels.split_last() else {
            return Err(Error::config("the images' side: there is no image"));
        };
        let (mut tokens, mut inputs) = (1, Vec::new());
        for (images, grid) in [(tiles, layout.grid), (std::slice::from_ref(whole), Size::square(1))] {
            let Some(first) = images.first() else { continue };
            let Size { height, width } = self.lines(first, grid);
            tokens += height * width;
            inputs.push(patches(images, self.sizes.patch_size)?);
        }
        let [rows, columns] =
            [layout.grid.height, layout.grid.width].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        let about = About { grid: [1, rows, columns], ..About::row(IMAGE.repeat(tokens), tokens) };
        Ok(Prepared { about, inputs })
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        let [_, rows, columns] = about.grid;
        let mut seen = Vec::new();
        for images in inputs {
            let alone = images.dim(0)? == 1;
            seen.push(self.mosaic(images, if alone { [1, 1] } else { [rows, columns] })?);
        }
        seen.push(self.view_separator.expand_dims(0)?);
        Ok(concatenate(&seen, 0)?)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}
