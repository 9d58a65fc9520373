//! Moondream: an image and parts of it that overlap, through one tower, whose vectors are side by side. The tokens of an
//! image see each other and the one before.
//!
//! The authors' code says what images and questions become, and mlx-vlm's what the layers compute.

mod config;
mod finder;
mod sheet;
mod tower;
mod words;

use mlx_core::{Array, concatenate};
use mlx_image::{TileProcessor, Tiles};
use mlx_lm::cache::Sight;
use mlx_nn::Module;
use mlx_text::Tokenizer;

use self::config::Config;
pub(crate) use self::finder::Finder;
use self::tower::Tower;
use self::words::IMAGE;
use super::tiled::{Projector, patches};
use super::{About, Checkpoint, Family, Layout, Markers, Prepared, Span};
use crate::{Error, Media, Result};

/// The tower with its processor.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Moondream {
    vision: Tower,
    proj_mlp: Projector,
    region: Option<Finder>,
    #[module(skip)]
    sizes: config::Vision,
    #[module(skip)]
    images: TileProcessor,
    #[module(skip)]
    template: Option<String>,
    #[module(skip)]
    tokens: [u32; 1],
}

pub(super) fn load(checkpoint: &Checkpoint<'_>) -> Result<Moondream> {
    let config = Config::read(checkpoint.config)?;
    let sizes = config.vision()?;
    let weights = checkpoint.weights;
    let vision = weights.at("vision");
    // MLX has a scope of its own for what is before the projector.
    let tower = if vision.contains("encoder.pos_emb") { vision.at("encoder") } else { vision.clone() };
    Ok(Moondream {
        vision: Tower::load(&tower, &sizes)?,
        proj_mlp: Projector::named(&vision.at("proj_mlp"), ["fc1", "fc2"], sizes.connector())?,
        region: Finder::load(&weights.at("region"), &config, sizes.proj_out_dim)?,
        images: sizes.processor()?,
        sizes,
        template: config.words().template(),
        tokens: [config.image_token()],
    })
}

impl Family for Moondream {
    fn markers(&self) -> Markers {
        Markers { image: IMAGE.into(), video: None }
    }

    fn template(&self) -> Option<&str> {
        self.template.as_deref()
    }

    fn encode(&self, text: &str, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        let [placeholder] = self.tokens;
        words::encode(text, placeholder, tokenizer)
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt("the model takes no videos: show a frame as an image".into()));
        };
        let Tiles { layout, pixels } = self.images.apply(image)?;
        let inputs = vec![patches(&pixels, self.sizes.patch_size)?];
        let tokens = (self.sizes.side() * self.sizes.side()).unsigned_abs() as usize;
        let [rows, columns] =
            [layout.grid.height, layout.grid.width].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
        let about = About { grid: [1, rows, columns], ..About::row(IMAGE.repeat(tokens), tokens) };
        Ok(Prepared { about, inputs })
    }

    fn heeds_company(&self) -> bool {
        true
    }

    fn prepare_among(&self, _media: &Media) -> Result<Prepared> {
        Err(Error::Prompt("the model takes one image: show others in conversations of their own".into()))
    }

    fn see(&self, about: &About, inputs: &[Array]) -> Result<Array> {
        let (mut seen, side) = (Vec::new(), self.sizes.side());
        for images in inputs {
            for at in 0..images.dim(0)? {
                let vectors = self.vision.forward(&images.index(at..at + 1)?)?;
                vectors.eval()?;
                seen.push(vectors);
            }
        }
        let Some((whole, parts)) = seen.split_first() else {
            return Err(Error::config("the images' side: there is no image"));
        };
        let [_, rows, columns] = about.grid;
        let near = if parts.is_empty() {
            whole.clone()
        } else {
            sheet::pooled(&sheet::joined(parts, [rows, columns], self.sizes.overlap_margin)?, side)?
        };
        Ok(self.proj_mlp.forward(&concatenate([whole, &near], -1)?.flatten(0, 1)?)?)
    }

    fn finder(&self) -> Option<&Finder> {
        self.region.as_ref()
    }

    fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    fn layout(&self, _length: usize, spans: &[Span<'_>]) -> Layout {
        let mut layout = Layout::together(spans, Sight::Far);
        layout.together.iter_mut().for_each(|range| range.start = (range.start - 1).max(0));
        layout
    }
}
