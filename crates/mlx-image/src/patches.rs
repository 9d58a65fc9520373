//! Images of any shape as patches, as SigLIP 2 takes them with NaFlex.
//!
//! Tschannen et al., "SigLIP 2"; Dehghani et al., "Patch n' Pack: NaViT, a Vision Transformer for any Aspect Ratio and
//! Resolution".

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::processor::class::{Class, HALVES};
use crate::processor::config::count;
use crate::processor::{Config, read};
use crate::{Error, Filter, Image, Levels, Pixels, Result, Size};

/// Cuts images into patches for a model that keeps their proportions: SigLIP 2 NaFlex.
///
/// An image is resized to as many whole patches as the model takes at most, with nearly the proportions that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchProcessor {
    resize: Option<Filter>,
    levels: Levels,
    patch: usize,
    most: usize,
}

/// An image as patches, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Patches {
    /// How many patches there are in a column, and in a row.
    pub grid: Size,
    /// `[patches, patch · patch · 3]`, each a square of pixels, channels last.
    pub values: Vec<f32>,
}

#[derive(Deserialize)]
struct Fields {
    patch_size: Option<usize>,
    max_num_patches: Option<usize>,
}

const CLASSES: [(Class, ()); 1] = [(Class::new("Siglip2ImageProcessor", Filter::Bilinear, HALVES), ())];

impl PatchProcessor {
    /// What the `preprocessor_config.json` in the folder `dir` says, or its `processor_config.json`.
    ///
    /// # Errors
    /// There is none, it cannot be read, is not a `Siglip2ImageProcessor`, or has a value that cannot be.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_json(&read(dir.as_ref())?)
    }

    /// What the contents of a `preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_json(config: &Value) -> Result<Self> {
        let (config, ()) = Config::parse(config, &CLASSES)?;
        let fields: Fields = config.more()?;
        let patch = count("patch_size", fields.patch_size.unwrap_or(16))?;
        let most = count("max_num_patches", fields.max_num_patches.unwrap_or(256))?;
        let resize = config.do_resize.then(|| config.filter()).transpose()?;
        Ok(Self { resize, levels: config.levels()?, patch, most })
    }

    /// The edge of a patch.
    pub fn patch(&self) -> usize {
        self.patch
    }

    /// The most patches of an image.
    pub fn most(&self) -> usize {
        self.most
    }

    /// The patches of an image.
    ///
    /// # Errors
    /// It is not resized and does not consist of whole patches.
    pub fn apply(&self, image: &Image) -> Result<Patches> {
        let target = fitting(image.size(), self.patch, self.most);
        let resized = self.resize.map(|filter| image.resize(target, filter)).transpose()?;
        Patches::cut(&self.levels.apply(resized.as_ref().unwrap_or(image)), self.patch)
    }
}

impl Patches {
    /// The squares of `patch` pixels that an image consists of.
    ///
    /// # Errors
    /// The image does not consist of such squares.
    pub fn cut(pixels: &Pixels, patch: usize) -> Result<Self> {
        let Size { height, width } = pixels.size;
        if patch == 0 || !height.is_multiple_of(patch) || !width.is_multiple_of(patch) {
            let problem = format!("an image of {height} x {width} pixels does not consist of them");
            return Err(Error::size("cut", Size::square(patch), problem));
        }
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
