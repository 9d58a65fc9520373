//! What a checkpoint wants done to an image, by its `preprocessor_config.json`.

pub(crate) mod class;
pub(crate) mod config;
mod file;

use std::path::Path;

use serde_json::Value;

use self::class::{CLIP, Class, HALVES};
pub(crate) use self::config::Config;
use self::config::Lengths;
pub(crate) use self::file::{FILE, read, read_video};
use crate::canvas::Canvas;
use crate::frame::Frame;
use crate::size::Target;
use crate::{Filter, Image, Levels, Pixels, Result, Size, View};

/// Brings images to the size and the numbers of a model that takes them whole: CLIP, SigLIP, ViT, LLaVA 1.5.
///
/// It does what transformers does with Pillow, step by step: pad to a square, resize, crop the middle, rescale, normalise.
#[derive(Clone, Debug, PartialEq)]
pub struct Processor {
    /// The colour beside an image that is made square.
    square: Option<[u8; 3]>,
    resize: Option<Target>,
    filter: Filter,
    crop: Option<Size>,
    levels: Levels,
}

#[derive(Clone, Copy, PartialEq)]
enum Family {
    Clip,
    Llava,
    Siglip,
    Vit,
}

const CLASSES: [(Class, Family); 4] = [
    (Class::new("CLIPImageProcessor", Filter::Bicubic, CLIP), Family::Clip),
    (Class::new("SiglipImageProcessor", Filter::Bicubic, HALVES), Family::Siglip),
    (Class::new("ViTImageProcessor", Filter::Bilinear, HALVES), Family::Vit),
    (Class::new("LlavaImageProcessor", Filter::Bicubic, CLIP), Family::Llava),
];

impl Processor {
    /// What the `preprocessor_config.json` in the folder `dir` says, or its `processor_config.json`.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is not one of `CLIPImageProcessor`, `SiglipImageProcessor`,
    /// `ViTImageProcessor` and `LlavaImageProcessor`, or has a value that cannot be.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_json(&read(dir.as_ref())?)
    }

    /// What the contents of a `preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_json(config: &Value) -> Result<Self> {
        let (config, family) = Config::parse(config, &CLASSES)?;
        if config.pads(false) && family != Family::Llava {
            return Err(crate::Error::config("do_pad is not supported"));
        }
        let square = config.pads(false).then(|| config.mean().map(|mean| (mean * 255.0) as u8));
        let resize = config.do_resize.then(|| target(&config, family)).transpose()?;
        let crop = config.crop(matches!(family, Family::Clip | Family::Llava))?;
        Ok(Self { square, resize, filter: config.filter()?, crop, levels: config.levels()? })
    }

    /// What is seen of an image of size `source`.
    ///
    /// # Errors
    /// Its size would be 0 or too large.
    pub fn view(&self, source: Size) -> Result<View> {
        let canvas = self.canvas(source);
        canvas.size().check("resize")?;
        Ok(canvas.views().into_iter().next().unwrap_or(View::whole(source, canvas.size())))
    }

    /// The numbers of an image.
    ///
    /// # Errors
    /// Its size would be 0 or too large.
    pub fn apply(&self, image: &Image) -> Result<Pixels> {
        let seen = self.canvas(image.size()).tiles(image, self.filter)?;
        Ok(self.levels.apply(seen.first().unwrap_or(image)))
    }

    fn canvas(&self, source: Size) -> Canvas {
        let mut canvas = match self.square {
            Some(color) => {
                let edge = source.height.max(source.width);
                let room = |length: usize| -(((edge - length) / 2) as isize);
                let (left, top) = (room(source.width), room(source.height));
                Canvas::part(source, Frame { left, top, size: Size::square(edge) }, color)
            }
            None => Canvas::whole(source),
        };
        if let Some(target) = self.resize {
            let size = target.of(canvas.size());
            canvas = canvas.resized(size);
        }
        match self.crop {
            Some(crop) => {
                let middle = Frame::middle(canvas.size(), crop);
                canvas.framed(middle, [0; 3])
            }
            None => canvas,
        }
    }
}

/// What images are resized to.
fn target(config: &Config<'_>, family: Family) -> Result<Target> {
    let edge = match (family, config.size::<Lengths>()?) {
        (Family::Clip | Family::Llava, None) => Lengths::shortest(224),
        (_, None) => Lengths::Edge(224),
        // An edge alone is that of a square to ViT, and the shortest one to the others.
        (Family::Vit, Some(Lengths::Edge(edge))) => Lengths::Edge(edge),
        (_, Some(Lengths::Edge(edge))) => Lengths::shortest(edge),
        (_, Some(given)) => given,
    };
    edge.target()
}
