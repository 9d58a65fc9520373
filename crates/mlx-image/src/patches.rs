//! Images of any shape as patches, as SigLIP 2 takes them with NaFlex, and Gemma 4.
//!
//! Tschannen et al., "SigLIP 2"; Dehghani et al., "Patch n' Pack: NaViT, a Vision Transformer for any Aspect Ratio and
//! Resolution".

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::fit::covered;
use crate::processor::class::{Class, HALVES, UNCHANGED};
use crate::processor::config::count;
use crate::processor::{Config, read, read_video};
use crate::{Error, Filter, Image, Levels, Pixels, Result, Size, View};

/// Cuts images into patches for a model that keeps their proportions: SigLIP 2 NaFlex, Gemma 4.
///
/// An image is resized to as many whole patches as the model takes at most, with nearly the proportions that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchProcessor {
    resize: Option<Filter>,
    levels: Levels,
    patch: usize,
    /// The edge of the square of patches that become one token.
    pool: usize,
    most: usize,
    family: Family,
}

/// An image as patches, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Patches {
    /// How many patches there are in a column, and in a row.
    pub grid: Size,
    /// `[patches, patch · patch · 3]`, each a square of pixels, channels last.
    pub values: Vec<f32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Family {
    Siglip2,
    /// Gemma 4, with the most tokens of an image where none are said.
    Gemma4 {
        tokens: usize,
    },
}

#[derive(Deserialize)]
struct Fields {
    patch_size: Option<usize>,
    max_num_patches: Option<usize>,
    max_soft_tokens: Option<usize>,
    pooling_kernel_size: Option<usize>,
}

const IMAGES: [(Class, Family); 2] = [
    (Class::new("Siglip2ImageProcessor", Filter::Bilinear, HALVES), Family::Siglip2),
    (Class::new("Gemma4ImageProcessor", Filter::Bicubic, UNCHANGED), Family::Gemma4 { tokens: 280 }),
];

const VIDEOS: [(Class, Family); 1] =
    [(Class::new("Gemma4VideoProcessor", Filter::Bicubic, UNCHANGED), Family::Gemma4 { tokens: 70 })];

/// The most tokens of an image of Gemma 4, which its checkpoints are trained for.
const SOFT_TOKENS: [usize; 5] = [70, 140, 280, 560, 1120];

impl PatchProcessor {
    /// What the `preprocessor_config.json` in the folder `dir` says, or its `processor_config.json`.
    ///
    /// # Errors
    /// There is none, it cannot be read, is neither a `Siglip2ImageProcessor` nor a `Gemma4ImageProcessor`, or has a value
    /// that cannot be.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_json(&read(dir.as_ref())?)
    }

    /// What the contents of a `preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_json(config: &Value) -> Result<Self> {
        Self::new(config, &IMAGES)
    }

    /// What the folder `dir` says of the frames of videos.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir), for `Gemma4VideoProcessor`.
    pub fn video_from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::video_from_json(&read_video(dir.as_ref())?)
    }

    /// What the contents of a `video_preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`video_from_dir`](Self::video_from_dir).
    pub fn video_from_json(config: &Value) -> Result<Self> {
        Self::new(config, &VIDEOS)
    }

    fn new(config: &Value, classes: &[(Class, Family)]) -> Result<Self> {
        let (config, family) = Config::parse(config, classes)?;
        let fields: Fields = config.more()?;
        let patch = count("patch_size", fields.patch_size.unwrap_or(16))?;
        let (pool, most) = match family {
            Family::Siglip2 => (1, count("max_num_patches", fields.max_num_patches.unwrap_or(256))?),
            Family::Gemma4 { tokens } => {
                let pool = count("pooling_kernel_size", fields.pooling_kernel_size.unwrap_or(3))?;
                let tokens = fields.max_soft_tokens.unwrap_or(tokens);
                if !SOFT_TOKENS.contains(&tokens) {
                    let problem = format!("max_soft_tokens is {tokens}: it must be one of {SOFT_TOKENS:?}");
                    return Err(Error::config(problem));
                }
                (pool, tokens * pool * pool)
            }
        };
        let resize = config.do_resize.then(|| config.filter()).transpose()?;
        Ok(Self { resize, levels: config.levels()?, patch, pool, most, family })
    }

    /// The edge of a patch.
    pub fn patch(&self) -> usize {
        self.patch
    }

    /// The most patches of an image.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The edge of the square of patches that become one token.
    pub fn pool(&self) -> usize {
        self.pool
    }

    /// What is seen of an image of size `source`.
    ///
    /// # Errors
    /// It is not resized and does not consist of whole patches, or has proportions that none have.
    pub fn view(&self, source: Size) -> Result<View> {
        let edge = self.patch * self.pool;
        let size = match (self.resize, self.family) {
            (None, _) => source,
            (_, Family::Siglip2) => fitting(source, self.patch, self.most),
            (_, Family::Gemma4 { .. }) => covered(source, edge, self.most / (self.pool * self.pool))?,
        };
        check_whole(size, edge)?;
        Ok(View::whole(source, size))
    }

    /// How many tokens an image of size `source` becomes.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn tokens(&self, source: Size) -> Result<usize> {
        let (Size { height, width }, edge) = (self.view(source)?.size, self.patch * self.pool);
        Ok(height / edge * (width / edge))
    }

    /// The patches of an image.
    ///
    /// # Errors
    /// As [`view`](Self::view).
    pub fn apply(&self, image: &Image) -> Result<Patches> {
        let target = self.view(image.size())?.size;
        let resized = self.resize.map(|filter| image.resize(target, filter)).transpose()?;
        Patches::cut(&self.levels.apply(resized.as_ref().unwrap_or(image)), self.patch)
    }
}

/// Refuses what does not consist of squares of `edge` pixels.
fn check_whole(size: Size, edge: usize) -> Result<()> {
    let Size { height, width } = size;
    if edge == 0 || !height.is_multiple_of(edge) || !width.is_multiple_of(edge) {
        let problem = format!("an image of {height} x {width} pixels does not consist of them");
        return Err(Error::size("cut", Size::square(edge), problem));
    }
    Ok(())
}

impl Patches {
    /// The squares of `patch` pixels that an image consists of.
    ///
    /// # Errors
    /// The image does not consist of such squares.
    pub fn cut(pixels: &Pixels, patch: usize) -> Result<Self> {
        check_whole(pixels.size, patch)?;
        let Size { height, width } = pixels.size;
        let grid = Size { height: height / patch, width: width / patch };
        let mut values = Vec::with_capacity(pixels.values.len());
        // A band of the image is a row of patches.
        for band in pixels.values.chunks_exact(3 * patch * width) {
            for column in 0..grid.width {
                let rows = band.chunks_exact(3 * width);
                values.extend(rows.flat_map(|row| row.chunks_exact(3 * patch).nth(column)).flatten());
            }
        }
        Ok(Self { grid, values })
    }

    /// How many patches there are.
    pub fn count(&self) -> usize {
        self.grid.height * self.grid.width
    }

    /// `length` patches, of which those behind the image's own are zeros, and which of them are its own.
    ///
    /// # Errors
    /// The image has more patches.
    pub fn padded(&self, length: usize) -> Result<(Vec<f32>, Vec<bool>)> {
        let count = self.count();
        if length < count {
            let problem = format!("the image has {count} patches");
            return Err(Error::size("pad", Size { height: length, width: 1 }, problem));
        }
        let mut values = self.values.clone();
        values.resize(self.values.len() / count.max(1) * length, 0.0);
        Ok((values, (0..length).map(|at| at < count).collect()))
    }
}

/// The largest size of whole patches, `most` of them at most, that an image of size `from` scaled by one factor is rounded
/// up to. The factor is halved in, as transformers does, so that sizes are the same.
fn fitting(from: Size, patch: usize, most: usize) -> Size {
    const NEAR: f64 = 1e-5;
    let patches = |length: usize, scale: f64| (length as f64 * scale / patch as f64).ceil().max(1.0);
    let (mut fits, mut exceeds) = (NEAR / 10.0, 100.0);
    while exceeds - fits >= NEAR {
        let scale = f64::midpoint(fits, exceeds);
        if patches(from.height, scale) * patches(from.width, scale) <= most as f64 {
            fits = scale;
        } else {
            exceeds = scale;
        }
    }
    let length = |length: usize| patches(length, fits) as usize * patch;
    Size { height: length(from.height), width: length(from.width) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_whole_patches_of_nearly_the_same_proportions() {
        let size = |height, width| Size { height, width };
        for from in [size(480, 640), size(1, 1), size(3, 4000), size(37, 31), size(16, 16)] {
            let to = fitting(from, 16, 256);
            assert!(
                to.height.is_multiple_of(16)
                    && to.width.is_multiple_of(16)
                    && to.height * to.width <= 256 * 256,
                "{to}"
            );
        }
        assert_eq!(fitting(size(480, 640), 16, 256), size(224, 288));
    }

    #[test]
    fn patches_are_squares_row_by_row() {
        let values = (0..2 * 4 * 3).map(|at| at as f32).collect();
        let patches = Patches::cut(&Pixels { size: Size { height: 2, width: 4 }, values }, 2).unwrap();
        assert_eq!(patches.grid, Size { height: 1, width: 2 });
        let first = [0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17].map(|at| at as f32);
        assert_eq!(patches.values[..12], first);
        let (padded, own) = patches.padded(3).unwrap();
        assert_eq!((padded.len(), own), (36, vec![true, true, false]));
        assert_eq!(padded[24..], [0.0; 12]);
        assert!(patches.padded(1).is_err());
    }
}
