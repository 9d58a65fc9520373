//! Which classes cut images and videos into tubelets, and their fields.

use serde::Deserialize;
use serde_json::Value;

use super::TubeletProcessor;
use super::rule::Rule;
use crate::fit::Thin;
use crate::processor::Config;
use crate::processor::class::{CLIP, Class, HALVES};
use crate::processor::config::count;
use crate::{Error, Filter, Result};

/// What classes differ in.
#[derive(Clone, Copy)]
struct Family {
    patch: usize,
    depth: usize,
    /// The least and the most pixels.
    pixels: [usize; 2],
    /// Whether `min_pixels` and `max_pixels` are other names of these.
    named: bool,
    thin: Thin,
    volume: bool,
    blocks: bool,
    /// The most tokens, where a checkpoint wants them bounded.
    tokens: usize,
}

/// What the fields of Qwen2-VL are for images.
const QWEN2: Family = Family {
    patch: 14,
    depth: 2,
    pixels: [56 * 56, 28 * 28 * 1280],
    named: true,
    thin: Thin::Kept,
    volume: false,
    blocks: true,
    tokens: 128_000,
};

const QWEN2_VIDEO: Family = Family { pixels: [128 * 28 * 28, 28 * 28 * 768], ..QWEN2 };

const QWEN3_VIDEO: Family = Family {
    patch: 16,
    pixels: [128 * 32 * 32, 32 * 32 * 768],
    named: false,
    thin: Thin::Grown,
    volume: true,
    tokens: 768,
    ..QWEN2
};

const GLM: Family =
    Family { pixels: [112 * 112, 28 * 28 * 15_000], named: false, thin: Thin::Grown, volume: true, ..QWEN2 };

const GLM_VIDEO: Family = Family { pixels: [112 * 112, 28 * 28 * 2 * 30_000], ..GLM };

const PADDLE: Family =
    Family { depth: 1, pixels: [384 * 384, 1536 * 1536], thin: Thin::GrownInTurn, blocks: false, ..QWEN2 };

const IMAGES: [(Class, Family); 4] = [
    (Class::new("Qwen2VLImageProcessor", Filter::Bicubic, CLIP), QWEN2),
    (Class::new("Glm4vImageProcessor", Filter::Bicubic, CLIP), GLM),
    (Class::new("Glm46VImageProcessor", Filter::Bicubic, CLIP), GLM),
    (Class::new("PaddleOCRVLImageProcessor", Filter::Bicubic, CLIP), PADDLE),
];

/// Those of images count where a checkpoint says no more of videos.
const VIDEOS: [(Class, Family); 7] = [
    (Class::new("Qwen2VLVideoProcessor", Filter::Bicubic, CLIP), QWEN2_VIDEO),
    (Class::new("Qwen3VLVideoProcessor", Filter::Bicubic, HALVES), QWEN3_VIDEO),
    (Class::new("Glm4vVideoProcessor", Filter::Bicubic, CLIP), GLM_VIDEO),
    (Class::new("Glm46VVideoProcessor", Filter::Bicubic, CLIP), GLM_VIDEO),
    (Class::new("Qwen2VLImageProcessor", Filter::Bicubic, CLIP), QWEN2_VIDEO),
    (Class::new("Glm4vImageProcessor", Filter::Bicubic, CLIP), GLM_VIDEO),
    (Class::new("Glm46VImageProcessor", Filter::Bicubic, CLIP), GLM_VIDEO),
];

#[derive(Deserialize)]
struct Fields {
    patch_size: Option<usize>,
    temporal_patch_size: Option<usize>,
    merge_size: Option<usize>,
    min_pixels: Option<usize>,
    max_pixels: Option<usize>,
    cap_pixels_per_frame: Option<bool>,
    max_video_tokens: Option<usize>,
}

/// Bounds of pixels, by either of their names.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Bounds {
    #[serde(alias = "min_pixels")]
    shortest_edge: Option<usize>,
    #[serde(alias = "max_pixels")]
    longest_edge: Option<usize>,
}

/// A processor of images.
pub(super) fn image(config: &Value) -> Result<TubeletProcessor> {
    processor(config, &IMAGES, false)
}

/// A processor of videos.
pub(super) fn video(config: &Value) -> Result<TubeletProcessor> {
    processor(config, &VIDEOS, true)
}

fn processor(config: &Value, classes: &[(Class, Family)], video: bool) -> Result<TubeletProcessor> {
    let (config, family) = Config::parse(config, classes)?;
    let fields: Fields = config.more()?;
    let bounds = config.size::<Bounds>()?;
    let [least, most] = pixels(bounds, &fields, family)?;
    let capped = video && fields.cap_pixels_per_frame.unwrap_or(false);
    let cap = capped.then(|| fields.max_video_tokens.unwrap_or(family.tokens));
    let Family { thin, volume, blocks, .. } = family;
    Ok(TubeletProcessor {
        resize: config.do_resize.then(|| config.filter()).transpose()?,
        levels: config.levels()?,
        patch: count("patch_size", fields.patch_size.unwrap_or(family.patch))?,
        depth: count("temporal_patch_size", fields.temporal_patch_size.unwrap_or(family.depth))?,
        merge: count("merge_size", fields.merge_size.unwrap_or(2))?,
        blocks,
        rule: Rule { least, most, thin, volume, cap },
    })
}

/// The least and the most pixels.
fn pixels(bounds: Option<Bounds>, fields: &Fields, family: Family) -> Result<[usize; 2]> {
    let [least, most] = family.pixels;
    let default = || Bounds { shortest_edge: Some(least), longest_edge: Some(most) };
    let mut bounds = bounds.unwrap_or_else(default);
    if family.named {
        bounds.shortest_edge = fields.min_pixels.or(bounds.shortest_edge);
        bounds.longest_edge = fields.max_pixels.or(bounds.longest_edge);
    }
    match [bounds.shortest_edge, bounds.longest_edge] {
        [Some(least @ 1..), Some(most @ 1..)] => Ok([least, most]),
        _ => Err(Error::config("size has no shortest_edge and longest_edge of 1 or more pixels")),
    }
}
