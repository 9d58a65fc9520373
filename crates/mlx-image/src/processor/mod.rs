//! What a checkpoint wants done to an image, by its `preprocessor_config.json`.

pub(crate) mod class;
pub(crate) mod config;
mod file;

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use self::class::{CLIP, Class, HALVES, UNCHANGED};
pub(crate) use self::config::Config;
use self::config::{Lengths, count};
pub(crate) use self::file::{FILE, read, read_video};
use crate::canvas::Canvas;
use crate::crop::Crop;
use crate::size::Target;
use crate::{Error, Filter, Image, Levels, Pixels, Result, Size, View};

/// Brings images to the size and the numbers of a model that takes them whole: CLIP, SigLIP, ViT, LLaVA 1.5, Pixtral,
/// FastVLM, Florence-2.
///
/// It does what transformers does with Pillow, step by step: pad to a square, resize, crop the middle, rescale, normalise.
#[derive(Clone, Debug, PartialEq)]
pub struct Processor {
    /// Whether images are made square, with this colour beside them.
    square: bool,
    beside: [u8; 3],
    resize: Option<Target>,
    filter: Filter,
    crop: Option<Size>,
    levels: Levels,
}

#[derive(Clone, Copy, PartialEq)]
enum Family {
    Clip,
    FastVlm,
    Llava,
    Pixtral,
    Siglip,
    Vit,
}

#[derive(Deserialize)]
struct Fields {
    /// Of Pixtral; others may have one that says nothing here.
    patch_size: Option<Lengths>,
}

const CLASSES: [(Class, Family); 6] = [
    (Class::new("CLIPImageProcessor", Filter::Bicubic, CLIP), Family::Clip),
    (Class::new("SiglipImageProcessor", Filter::Bicubic, HALVES), Family::Siglip),
    (Class::new("ViTImageProcessor", Filter::Bilinear, HALVES), Family::Vit),
    (Class::new("LlavaImageProcessor", Filter::Bicubic, CLIP), Family::Llava),
    (Class::new("PixtralImageProcessor", Filter::Bicubic, CLIP), Family::Pixtral),
    (Class::new("FastVLMImageProcessor", Filter::Bicubic, UNCHANGED), Family::FastVlm),
];

impl Processor {
    /// What the `preprocessor_config.json` in the folder `dir` says, or its `processor_config.json`.
    ///
    /// # Errors
    /// There is none, it cannot be read, or it is not one of `CLIPImageProcessor`, `SiglipImageProcessor`,
    /// `ViTImageProcessor`, `LlavaImageProcessor`, `PixtralImageProcessor` and `FastVLMImageProcessor`, or has a value that
    /// cannot be.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_json(&read(dir.as_ref())?)
    }

    /// What the contents of a `preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_json(config: &Value) -> Result<Self> {
        let (config, family) = Config::parse(config, &CLASSES)?;
        // Pixtral pads images of a batch to one size, which is not done here.
        let pads = config.pads(false) && family != Family::Pixtral;
        if pads && family != Family::Llava {
            return Err(Error::config("do_pad is not supported"));
        }
        let square = pads || family == Family::FastVlm;
        let beside = config.mean().map(|mean| (mean * 255.0) as u8);
        let resize = config.do_resize.then(|| match family {
            Family::Pixtral => blocks(&config),
            _ => target(&config, family),
        });
        let resize = resize.transpose()?;
        let crop = match family {
            Family::FastVlm => None,
            _ => config.crop(matches!(family, Family::Clip | Family::Llava))?,
        };
        Ok(Self { square, beside, resize, filter: config.filter()?, crop, levels: config.levels()? })
    }

    /// This processor, which makes images square with the colour of the means beside them, or not, whatever its config
    /// says.
    ///
    /// Checkpoints of LLaVA 1.5 and FastVLM say so in `image_aspect_ratio` of their `config.json`, if at all.
    pub fn squaring(mut self, square: bool) -> Self {
        self.square = square;
        self
    }

    /// This processor, whose images are whole blocks of `edge` pixels if they are whole patches: Mistral 3, which merges
    /// patches, and says of how many a block is beside what its config says of images.
    ///
    /// # Errors
    /// `edge` is 0 or too large.
    pub fn in_blocks(mut self, edge: usize) -> Result<Self> {
        let edge = count("the edge of a block", edge)?;
        if let Some(Target::Blocks { block, .. }) = &mut self.resize {
            *block = Size::square(edge);
        }
        Ok(self)
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
        let mut canvas = Canvas::whole(source);
        if self.square {
            let square = Size::square(source.height.max(source.width));
            canvas = Canvas::part(source, Crop::around(source, square), self.beside);
        }
        if let Some(target) = self.resize {
            let size = target.of(canvas.size());
            canvas = canvas.resized(size);
        }
        match self.crop {
            Some(crop) => {
                let middle = Crop::middle(canvas.size(), crop);
                canvas.cropped(middle, [0; 3])
            }
            None => canvas,
        }
    }
}

/// What images are resized to.
fn target(config: &Config<'_>, family: Family) -> Result<Target> {
    let edge = match (family, config.size::<Lengths>()?) {
        (Family::Clip | Family::Llava, None) => Lengths::shortest(224),
        (Family::FastVlm, None) => Lengths::shortest(1024),
        (_, None) => Lengths::Edge(224),
        // An edge alone is that of a square to ViT, and the shortest one to the others.
        (Family::Vit, Some(Lengths::Edge(edge))) => Lengths::Edge(edge),
        (_, Some(Lengths::Edge(edge))) => Lengths::shortest(edge),
        (_, Some(given)) => given,
    };
    edge.target()
}

/// The most that an image of Pixtral has, and the patches that it consists of.
fn blocks(config: &Config<'_>) -> Result<Target> {
    let most = match config.size::<Lengths>()?.map(Lengths::parts) {
        None => Size::square(1024),
        Some([None, None, None, Some(longest)]) => Size::square(count("size", longest)?),
        Some([Some(height), Some(width), ..]) => {
            Size { height: count("size", height)?, width: count("size", width)? }
        }
        Some(_) => return Err(Error::config("size has neither longest_edge nor height and width")),
    };
    let fields: Fields = config.more()?;
    let block = fields.patch_size.unwrap_or(Lengths::Edge(16)).exact("patch_size")?;
    Ok(Target::Blocks { most, block })
}
