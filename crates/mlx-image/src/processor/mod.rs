//! What a checkpoint wants done to an image, by its `preprocessor_config.json`.

mod config;

use std::path::Path;

use serde_json::Value;

pub(crate) use self::config::{Config, FILE, Kind, read};
use crate::size::Target;
use crate::{Filter, Image, Levels, Pixels, Result, Size};

/// Brings images to the size and the numbers of a model that takes them whole: CLIP, SigLIP, ViT.
///
/// It does what transformers does with Pillow, step by step: resize, crop the middle, rescale, normalise.
#[derive(Clone, Debug, PartialEq)]
pub struct Processor {
    resize: Option<(Target, Filter)>,
    crop: Option<Size>,
    levels: Levels,
}

impl Processor {
    /// What the `preprocessor_config.json` in the folder `dir` says, or its `processor_config.json`.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is not one of `CLIPImageProcessor`, `SiglipImageProcessor` and
    /// `ViTImageProcessor`, or has a value that cannot be.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_json(&read(dir.as_ref())?)
    }

    /// What the contents of a `preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_json(config: &Value) -> Result<Self> {
        let config = Config::parse(config, &[Kind::Clip, Kind::Siglip, Kind::Vit])?;
        let resize = || -> Result<_> { Ok((config.target()?, config.filter()?)) };
        let resize = config.do_resize.then(resize).transpose()?;
        let crop = config.do_center_crop.then(|| config.crop()).transpose()?;
        Ok(Self { resize, crop, levels: config.levels()? })
    }

    /// The numbers of an image.
    ///
    /// # Errors
    /// Its size would be 0 or too large.
    pub fn apply(&self, image: &Image) -> Result<Pixels> {
        let resized = self.resize.map(|(target, filter)| image.resize(target.of(image.size()), filter));
        let resized = resized.transpose()?;
        let image = resized.as_ref().unwrap_or(image);
        let cropped = self.crop.map(|size| image.center_crop(size)).transpose()?;
        Ok(self.levels.apply(cropped.as_ref().unwrap_or(image)))
    }
}
