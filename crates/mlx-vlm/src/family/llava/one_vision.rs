//! LLaVA-OneVision: as LLaVA-NeXT, with a limit to what is seen of tiles; several images are seen as wholes, and frames of
//! videos in a quarter of their vectors.

use mlx_core::Array;
use mlx_hub::Directory;
use mlx_image::{Image, Processor, Size};
use mlx_nn::Module;
use serde_json::{Value, json};

use super::IMAGE;
use super::config::{Config, Defaults};
use super::mosaic::{Mosaic, Sheet};
use super::next::View;
use crate::family::{About, Checkpoint, Family, Markers, Prepared};
use crate::{Error, Media, Result, Video};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(in crate::family) struct OneVision {
    view: View,
    #[module(skip)]
    frames: Processor,
    /// How many tiles' vectors an image has at most.
    #[module(skip)]
    most: usize,
    #[module(skip)]
    tokens: [u32; 2],
}

/// What stands for a video in a text.
const VIDEO: &str = "<video>";

const DEFAULTS: Defaults =
    Defaults { tower: "siglip_vision_model", layer: -1, strategy: "full", image: 151_646 };

/// How many times more vectors than the most there can be in a line without them being made fewer.
const TOLERANCE: f64 = 1.1;

pub(in crate::family) fn load(checkpoint: &Checkpoint<'_>) -> Result<OneVision> {
    let config = Config::read(checkpoint.config)?;
    Ok(OneVision {
        view: View::load(checkpoint, &config, &DEFAULTS)?,
        frames: frames(checkpoint.directory)?,
        most: config.most_tiles()?,
        tokens: [config.image_token(&DEFAULTS), config.video_token()],
    })
}

/// What frames of videos become: squares, without room beside them.
fn frames(directory: &Directory) -> Result<Processor> {
    let image = || {
        directory.json("preprocessor_config.json").or_else(|error| {
            let whole = directory.json("processor_config.json")?;
            whole.get("image_processor").cloned().ok_or(error)
        })
    };
    let mut file = directory.json("video_preprocessor_config.json").or_else(|_| image())?;
    if let Value::Object(fields) = &mut file {
        fields.entry("size").or_insert_with(|| json!({"height": 384, "width": 384}));
        fields.extend([
            // The class that takes the same for what is left out.
            ("image_processor_type".into(), "CLIPImageProcessor".into()),
            ("do_center_crop".into(), false.into()),
            ("do_pad".into(), false.into()),
        ]);
    }
    Ok(Processor::from_json(&file)?)
}

impl OneVision {
    /// An image by itself.
    fn alone(&self, image: &Image) -> Result<Prepared> {
        let tiles = self.view.tiles.apply(image)?;
        let sheet = self.view.sheet(tiles.layout.grid)?;
        let mut mosaic = Mosaic::default();
        mosaic.extend(0..self.view.sight.count());
        let [rows, columns] = sheet.shown(image.size());
        let mut size = Size { height: rows.len(), width: columns.len() };
        let most = (self.most * self.view.sight.count()) as f64;
        let ratio = ((size.height * size.width) as f64 / most).sqrt();
        if ratio > TOLERANCE {
            let fewer = |length: usize| (length as f64 / ratio).floor() as usize;
            size = Size { height: fewer(size.height), width: fewer(size.width) };
        }
        mosaic.resized(sheet, [rows, columns], size, Some(self.view.newline(tiles.pixels.len())));
        self.view.prepared(&tiles.pixels, &mosaic, IMAGE)
    }

    /// An image of several.
    fn among(&self, image: &Image) -> Result<Prepared> {
        let tiles = self.view.tiles.clone().cutting(false).apply(image)?;
        let mut mosaic = Mosaic::default();
        mosaic.extend(0..self.view.sight.count());
        mosaic.push(self.view.newline(1));
        self.view.prepared(&tiles.pixels, &mosaic, IMAGE)
    }

    fn video(&self, video: &Video) -> Result<Prepared> {
        let frames: Vec<_> =
            video.frames.iter().map(|frame| self.frames.apply(frame)).collect::<mlx_image::Result<_>>()?;
        if frames.is_empty() {
            return Err(Error::Prompt("a video has no frames".into()));
        }
        let (side, mut mosaic) = (self.view.sight.side()?, Mosaic::default());
        for frame in 0..frames.len() {
            let sheet = Sheet { tiles: Size::square(1), side, first: frame * self.view.sight.count() };
            mosaic.resized(sheet, [0..side, 0..side], Size::square(side.div_ceil(2)), None);
        }
        mosaic.push(self.view.newline(frames.len()));
        self.view.prepared(&frames, &mosaic, VIDEO)
    }
}

impl Family for OneVision {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: Some(VIDEO.into()) }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        match media {
            Media::Image(image) => self.alone(image),
            Media::Video(video) => self.video(video),
        }
    }

    fn heeds_company(&self) -> bool {
        true
    }

    fn prepare_among(&self, media: &Media) -> Result<Prepared> {
        match media {
            Media::Image(image) => self.among(image),
            Media::Video(video) => self.video(video),
        }
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        self.view.see(inputs)
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }
}
