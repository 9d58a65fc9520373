//! The whole image, then tiles of it in the best of some resolutions: LLaVA-NeXT and LLaVA-OneVision.
//!
//! Liu et al., "LLaVA-NeXT: Improved reasoning, OCR, and world knowledge"; Li et al., "LLaVA-OneVision".

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::crop::Crop;
use crate::processor::Config;
use crate::processor::config::{Lengths, count};
use crate::{Error, Result, Size};

/// The edge of a tile, and which resolutions there are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AnyResolution {
    tile: usize,
    resolutions: Vec<Size>,
    /// The colour beside an image that is made square where it is not cut, but for LLaVA-NeXT, which never does so.
    square: Option<[u8; 3]>,
}

#[derive(Deserialize)]
struct Fields {
    image_grid_pinpoints: Option<Vec<[usize; 2]>>,
    crop_size: Option<Lengths>,
}

/// The most resolutions that a checkpoint has.
const MOST: usize = 1 << 10;

impl AnyResolution {
    /// LLaVA-NeXT.
    pub(super) fn next(config: &Config<'_>) -> Result<Self> {
        let pinpoints = [[336, 672], [672, 336], [672, 672], [1008, 336], [336, 1008]];
        Self::new(config, 224, &pinpoints, None)
    }

    /// LLaVA-OneVision, which makes images square that it does not cut, but not frames.
    pub(super) fn one_vision(config: &Config<'_>, squares: bool) -> Result<Self> {
        let edges = (1..=6).map(|tiles| tiles * 384);
        let pinpoints: Vec<_> =
            edges.clone().flat_map(|height| edges.clone().map(move |width| [height, width])).collect();
        let color = config.mean().map(|mean| (mean * 255.0) as u8);
        Self::new(config, 384, &pinpoints, squares.then_some(color))
    }

    fn new(
        config: &Config<'_>,
        edge: usize,
        pinpoints: &[[usize; 2]],
        square: Option<[u8; 3]>,
    ) -> Result<Self> {
        let fields: Fields = config.more()?;
        let tile = match config.size::<Lengths>()?.unwrap_or(Lengths::Edge(edge)).parts() {
            [Some(height), Some(width), None, None] if height == width => count("size", height)?,
            [None, None, Some(shortest), None] => count("size", shortest)?,
            _ => return Err(Error::config("size is neither a square nor a shortest_edge")),
        };
        let crop = fields.crop_size.map(|crop| crop.exact("crop_size")).transpose()?;
        if crop.is_some_and(|crop| crop != Size::square(tile)) {
            return Err(Error::config(format!(
                "crop_size is not that of size, {tile}: tiles cannot be cropped"
            )));
        }
        let resolutions = fields.image_grid_pinpoints.as_deref().unwrap_or(pinpoints);
        if resolutions.is_empty() || resolutions.len() > MOST {
            return Err(Error::config(format!("image_grid_pinpoints are not 1 to {MOST} resolutions")));
        }
        let whole = |&[height, width]: &[usize; 2]| {
            let (height, width) =
                (count("image_grid_pinpoints", height)?, count("image_grid_pinpoints", width)?);
            if height.is_multiple_of(tile) && width.is_multiple_of(tile) {
                return Ok(Size { height, width });
            }
            let problem =
                format!("image_grid_pinpoints has {height} x {width}, which is not of tiles of {tile}");
            Err(Error::config(problem))
        };
        let resolutions = resolutions.iter().map(whole).collect::<Result<_>>()?;
        Ok(Self { tile, resolutions, square })
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Result<Plan> {
        let tile = Size::square(self.tile);
        let canvas = Canvas::whole(source);
        match self.square {
            Some(color) if !cuts => {
                let square = Crop::around(source, Size::square(source.height.max(source.width)));
                return Ok(Plan::whole(Canvas::part(source, square, color).resized(tile)));
            }
            _ if !cuts => return Ok(Plan::whole(canvas.resized(tile))),
            _ => {}
        }
        let best = self.best(source)?;
        let inner = inner(source, best);
        let grid = Size { height: best.height / self.tile, width: best.width / self.tile };
        let tiles = canvas.clone().resized(inner).cropped(Crop::around(inner, best), [0; 3]).cut(tile);
        Ok(Plan { grid, canvases: vec![canvas.resized(tile), tiles] })
    }

    /// The resolution that shows most of an image's pixels, and of those the one with the least room.
    fn best(&self, source: Size) -> Result<Size> {
        let (height, width) = (source.height as f64, source.width as f64);
        let shown = |size: &Size| {
            let scale = (size.width as f64 / width).min(size.height as f64 / height);
            let shown = ((width * scale).trunc() * (height * scale).trunc()).min(width * height);
            (shown, size.width as f64 * size.height as f64 - shown)
        };
        let better = |best: Option<Size>, &size: &Size| match best.map(|best| (shown(&best), shown(&size))) {
            Some(((most, least), (found, room))) if found < most || (found == most && room >= least) => best,
            _ => Some(size),
        };
        let none = || Error::config("image_grid_pinpoints are empty");
        self.resolutions.iter().fold(None, better).ok_or_else(none)
    }
}

/// The size of an image that is scaled to fit into another, lengths rounded up.
fn inner(source: Size, into: Size) -> Size {
    let scale_width = into.width as f64 / source.width as f64;
    let scale_height = into.height as f64 / source.height as f64;
    let up = |length: usize, scale: f64, most: usize| ((length as f64 * scale).ceil() as usize).min(most);
    if scale_width < scale_height {
        Size { height: up(source.height, scale_width, into.height), width: into.width }
    } else {
        Size { height: into.height, width: up(source.width, scale_height, into.width) }
    }
}
