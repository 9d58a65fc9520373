//! Images as tiles of one size, cut out of them so that small things can be seen.

mod any_resolution;
mod bounded_tokens;
mod closest_ratio;
mod high_definition;
mod letterboxed;
mod longest_edge;
mod overlapping;
mod pan_and_scan;
mod plan;
mod slices;

use std::path::Path;

use serde_json::Value;

use self::any_resolution::AnyResolution;
use self::bounded_tokens::BoundedTokens;
use self::closest_ratio::ClosestRatio;
use self::high_definition::HighDefinition;
use self::letterboxed::Letterboxed;
use self::longest_edge::LongestEdge;
use self::overlapping::Overlapping;
use self::pan_and_scan::PanAndScan;
use self::plan::Plan;
use self::slices::Slices;
use crate::processor::class::{CLIP, Class, HALVES};
use crate::processor::{Config, read, read_video};
use crate::{Filter, Image, Levels, Pixels, Result, Size, View};

/// Cuts images into tiles for the models that see those one by one: Gemma 3, Idefics3, SmolVLM, LFM2-VL, InternVL,
/// LLaVA-NeXT, LLaVA-OneVision, MiniCPM-V, Phi-3-V, Moondream and DeepSeek-OCR.
#[derive(Clone, Debug, PartialEq)]
pub struct TileProcessor {
    tiling: Tiling,
    cuts: bool,
    filter: Filter,
    levels: Levels,
}

/// How an image is cut into tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct TileLayout {
    /// How many tiles there are in a column and in a row; 0 x 0 where the image is seen as a whole only.
    pub grid: Size,
    /// What each tile shows, row by row, and the whole image: first for Gemma 3, LLaVA, MiniCPM-V, Phi-3-V and Moondream;
    /// last for Idefics3, SmolVLM, LFM2-VL, InternVL and DeepSeek-OCR. One tile of a grid shows the whole by itself, and
    /// checkpoints of LFM2-VL may leave it out.
    pub views: Vec<View>,
}

/// An image as tiles.
#[derive(Clone, Debug, PartialEq)]
pub struct Tiles {
    /// What each tile shows.
    pub layout: TileLayout,
    /// The numbers of each.
    pub pixels: Vec<Pixels>,
}

/// The ways that families cut images.
#[derive(Clone, Debug, PartialEq)]
enum Tiling {
    AnyResolution(AnyResolution),
    BoundedTokens(BoundedTokens),
    ClosestRatio(ClosestRatio),
    HighDefinition(HighDefinition),
    Letterboxed(Letterboxed),
    LongestEdge(LongestEdge),
    Overlapping(Overlapping),
    PanAndScan(PanAndScan),
    Slices(Slices),
}

#[derive(Clone, Copy)]
enum Family {
    DeepSeekOcr,
    Gemma3,
    Idefics3,
    InternVl,
    Lfm2Vl,
    LlavaNext,
    LlavaOneVision,
    LlavaOneVisionVideo,
    /// Which merges patches, or not.
    MiniCpm {
        merges: bool,
    },
    Moondream,
    Phi3,
}

const CLASSES: [(Class, Family); 12] = [
    (Class::new("Gemma3ImageProcessor", Filter::Bilinear, HALVES), Family::Gemma3),
    (Class::new("Idefics3ImageProcessor", Filter::Lanczos, HALVES), Family::Idefics3),
    (Class::new("SmolVLMImageProcessor", Filter::Lanczos, HALVES), Family::Idefics3),
    (Class::new("Lfm2VlImageProcessor", Filter::Bilinear, HALVES), Family::Lfm2Vl),
    (Class::new("LlavaNextImageProcessor", Filter::Bicubic, CLIP), Family::LlavaNext),
    (Class::new("LlavaOnevisionImageProcessor", Filter::Bicubic, CLIP), Family::LlavaOneVision),
    (Class::new("GotOcr2ImageProcessor", Filter::Bicubic, CLIP), Family::InternVl),
    (Class::new("MiniCPMVImageProcessor", Filter::Bicubic, HALVES), Family::MiniCpm { merges: false }),
    (Class::new("MiniCPMV4_6ImageProcessor", Filter::Bicubic, HALVES), Family::MiniCpm { merges: true }),
    (Class::new("Phi3VImageProcessor", Filter::Bilinear, CLIP), Family::Phi3),
    (Class::new("MoondreamImageProcessor", Filter::Lanczos, HALVES), Family::Moondream),
    (Class::new("DeepseekVLV2Processor", Filter::Bicubic, HALVES), Family::DeepSeekOcr),
];

/// Those of frames of videos; older checkpoints say of images what counts for these.
const VIDEOS: [(Class, Family); 8] = [
    (Class::new("MiniCPMV4_6VideoProcessor", Filter::Bicubic, HALVES), Family::MiniCpm { merges: true }),
    (Class::new("MiniCPMV4_6ImageProcessor", Filter::Bicubic, HALVES), Family::MiniCpm { merges: true }),
    (Class::new("SmolVLMVideoProcessor", Filter::Lanczos, HALVES), Family::Idefics3),
    (Class::new("LlavaOnevisionVideoProcessor", Filter::Bicubic, CLIP), Family::LlavaOneVisionVideo),
    (Class::new("InternVLVideoProcessor", Filter::Bicubic, CLIP), Family::InternVl),
    (Class::new("SmolVLMImageProcessor", Filter::Lanczos, HALVES), Family::Idefics3),
    (Class::new("LlavaOnevisionImageProcessor", Filter::Bicubic, CLIP), Family::LlavaOneVisionVideo),
    (Class::new("GotOcr2ImageProcessor", Filter::Bicubic, CLIP), Family::InternVl),
];

impl TileProcessor {
    /// What the `preprocessor_config.json` in the folder `dir` says, or its `processor_config.json`.
    ///
    /// # Errors
    /// There is none, it cannot be read, is of a class that cuts no tiles, or has a value that cannot be.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::from_json(&read(dir.as_ref())?)
    }

    /// What the contents of a `preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir).
    pub fn from_json(config: &Value) -> Result<Self> {
        Self::new(config, &CLASSES)
    }

    /// What the folder `dir` says of the frames of videos, each of which is seen as a whole, but for MiniCPM-V: it cuts
    /// frames unless its config says no.
    ///
    /// # Errors
    /// As [`from_dir`](Self::from_dir), for `SmolVLMVideoProcessor`, `LlavaOnevisionVideoProcessor`,
    /// `InternVLVideoProcessor`, `MiniCPMV4_6VideoProcessor`, and the processors of images of these families.
    pub fn video_from_dir(dir: impl AsRef<Path>) -> Result<Self> {
        Self::video_from_json(&read_video(dir.as_ref())?)
    }

    /// What the contents of a `video_preprocessor_config.json` say.
    ///
    /// # Errors
    /// As [`video_from_dir`](Self::video_from_dir).
    pub fn video_from_json(config: &Value) -> Result<Self> {
        let processor = Self::new(config, &VIDEOS)?;
        let cuts = processor.cuts && matches!(processor.tiling, Tiling::Slices(_));
        Ok(processor.cutting(cuts))
    }

    fn new(config: &Value, classes: &[(Class, Family)]) -> Result<Self> {
        let (config, family) = Config::parse(config, classes)?;
        let (tiling, cuts) = Tiling::new(&config, family)?;
        Ok(Self { tiling, cuts, filter: config.filter()?, levels: config.levels()? })
    }

    /// This processor, which cuts images or takes them as a whole only, whatever its config says.
    ///
    /// InternVL is to cut although its configs say no. LLaVA-OneVision cuts no image of several; what it then sees of a
    /// whole one is made square with colour beside it.
    pub fn cutting(mut self, cuts: bool) -> Self {
        self.cuts = cuts;
        self
    }

    /// The edge of the patches that tiles are made of, where these are not of one size: LFM2-VL and MiniCPM-V.
    ///
    /// [`Patches::cut`](crate::Patches::cut) cuts them.
    pub fn patch(&self) -> Option<usize> {
        match &self.tiling {
            Tiling::BoundedTokens(tiling) => Some(tiling.patch),
            Tiling::Slices(tiling) => Some(tiling.patch),
            _ => None,
        }
    }

    /// The edge of the blocks that tiles consist of, where patches are merged into these: MiniCPM-V.
    pub fn block(&self) -> Option<usize> {
        match &self.tiling {
            Tiling::Slices(tiling) => Some(tiling.block),
            _ => None,
        }
    }

    /// How an image of size `source` is cut.
    ///
    /// # Errors
    /// The model cannot take images of this size.
    pub fn layout(&self, source: Size) -> Result<TileLayout> {
        Ok(self.plan(source)?.layout())
    }

    /// The tiles of an image.
    ///
    /// # Errors
    /// As [`layout`](Self::layout).
    pub fn apply(&self, image: &Image) -> Result<Tiles> {
        let plan = self.plan(image.size())?;
        let mut pixels = Vec::new();
        for canvas in &plan.canvases {
            pixels.extend(canvas.pixels(image, self.filter, &self.levels)?);
        }
        Ok(Tiles { layout: plan.layout(), pixels })
    }

    fn plan(&self, source: Size) -> Result<Plan> {
        match &self.tiling {
            Tiling::AnyResolution(tiling) => tiling.plan(source, self.cuts),
            Tiling::BoundedTokens(tiling) => tiling.plan(source, self.cuts),
            Tiling::ClosestRatio(tiling) => Ok(tiling.plan(source, self.cuts)),
            Tiling::HighDefinition(tiling) => Ok(tiling.plan(source, self.cuts)),
            Tiling::Letterboxed(tiling) => Ok(tiling.plan(source, self.cuts)),
            Tiling::LongestEdge(tiling) => Ok(tiling.plan(source, self.cuts)),
            Tiling::Overlapping(tiling) => Ok(tiling.plan(source, self.cuts)),
            Tiling::PanAndScan(tiling) => tiling.plan(source, self.cuts),
            Tiling::Slices(tiling) => Ok(tiling.plan(source, self.cuts)),
        }?
        .checked()
    }
}

impl TileLayout {
    /// The rows and columns of features that show the image and no room beside it, where each tile has `tile` of each.
    ///
    /// LLaVA-NeXT and LLaVA-OneVision take these of the tiles together, with one more at the end of each row, next to all
    /// features of the whole. Lengths are rounded as transformers does.
    pub fn unpadded(&self, tile: usize) -> Size {
        let Some(View { source, .. }) = self.views.first() else { return Size::square(0) };
        let (rows, columns) = (self.grid.height.saturating_mul(tile), self.grid.width.saturating_mul(tile));
        let (height, width) = (source.height as f64, source.width as f64);
        let digits = |length: f64| (length * 1e7).round_ties_even() / 1e7;
        // As much is taken from both sides.
        let kept = |all: usize, shown: f64| all - (all.saturating_sub(digits(shown) as usize)) / 2 * 2;
        if width / height > columns as f64 / rows as f64 {
            Size { height: kept(rows, height * (columns as f64 / width)), width: columns }
        } else {
            Size { height: rows, width: kept(columns, width * (rows as f64 / height)) }
        }
    }
}

impl Tiling {
    /// How a family cuts images, and whether it does by itself.
    fn new(config: &Config<'_>, family: Family) -> Result<(Self, bool)> {
        Ok(match family {
            Family::DeepSeekOcr => (Self::Letterboxed(Letterboxed::new(config)?), true),
            Family::Gemma3 => {
                let (tiling, cuts) = PanAndScan::new(config)?;
                (Self::PanAndScan(tiling), cuts)
            }
            Family::Idefics3 => {
                let (tiling, cuts) = LongestEdge::new(config)?;
                (Self::LongestEdge(tiling), cuts)
            }
            Family::InternVl => {
                let (tiling, cuts) = ClosestRatio::new(config)?;
                (Self::ClosestRatio(tiling), cuts)
            }
            Family::Lfm2Vl => {
                let (tiling, cuts) = BoundedTokens::new(config)?;
                (Self::BoundedTokens(tiling), cuts)
            }
            Family::LlavaNext => (Self::AnyResolution(AnyResolution::next(config)?), true),
            Family::LlavaOneVision => (Self::AnyResolution(AnyResolution::one_vision(config, true)?), true),
            Family::LlavaOneVisionVideo => {
                (Self::AnyResolution(AnyResolution::one_vision(config, false)?), false)
            }
            Family::MiniCpm { merges } => {
                let (tiling, cuts) = Slices::new(config, merges)?;
                (Self::Slices(tiling), cuts)
            }
            Family::Moondream => (Self::Overlapping(Overlapping::new(config)?), true),
            Family::Phi3 => (Self::HighDefinition(HighDefinition::new(config)?), true),
        })
    }
}
