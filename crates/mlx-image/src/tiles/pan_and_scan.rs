//! The whole image and, where it is long, parts of it that are not: Gemma 3.
//!
//! Gemma Team, "Gemma 3 Technical Report"; the numbers are those of transformers.

use serde::Deserialize;

use super::plan::Plan;
use crate::canvas::Canvas;
use crate::crop::Crop;
use crate::processor::Config;
use crate::processor::config::{Lengths, count};
use crate::{Result, Size};

/// The size of all tiles, and when and how parts are cut out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PanAndScan {
    /// Not if images are taken as they are.
    size: Option<Size>,
    crops: Crops,
}

#[derive(Clone, Debug, PartialEq)]
struct Crops {
    /// The least edge of a part.
    least: usize,
    /// The most parts.
    most: usize,
    /// How many times the other edge the longer one is at least.
    ratio: f64,
}

#[derive(Deserialize)]
struct Fields {
    do_pan_and_scan: Option<bool>,
    pan_and_scan_min_crop_size: Option<usize>,
    pan_and_scan_max_num_crops: Option<usize>,
    pan_and_scan_min_ratio_to_activate: Option<f64>,
}

impl PanAndScan {
    pub(super) fn new(config: &Config<'_>) -> Result<(Self, bool)> {
        let fields: Fields = config.more()?;
        let size = || config.size::<Lengths>()?.unwrap_or(Lengths::Edge(224)).exact("size");
        let least = fields.pan_and_scan_min_crop_size.unwrap_or(256);
        let most = fields.pan_and_scan_max_num_crops.unwrap_or(4);
        let crops = Crops {
            least: count("pan_and_scan_min_crop_size", least)?,
            most: count("pan_and_scan_max_num_crops", most)?,
            ratio: fields.pan_and_scan_min_ratio_to_activate.unwrap_or(1.2),
        };
        let size = config.do_resize.then(size).transpose()?;
        Ok((Self { size, crops }, fields.do_pan_and_scan.unwrap_or(false)))
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Result<Plan> {
        let grid = if cuts { self.crops.grid(source) } else { Size::square(0) };
        let part = Size {
            height: source.height.div_ceil(grid.height.max(1)),
            width: source.width.div_ceil(grid.width.max(1)),
        };
        let mut canvases = vec![self.seen(Canvas::whole(source))];
        for (row, column) in (0..grid.height).flat_map(|row| (0..grid.width).map(move |column| (row, column)))
        {
            let (top, left) = (row * part.height, column * part.width);
            // The last parts may be smaller.
            let height = part.height.min(source.height.saturating_sub(top));
            let width = part.width.min(source.width.saturating_sub(left));
            let size = Size { height, width }.check("cut a part")?;
            let crop = Crop { left: left as isize, top: top as isize, size };
            canvases.push(self.seen(Canvas::part(source, crop, [0; 3])));
        }
        Ok(Plan { grid, canvases })
    }

    fn seen(&self, canvas: Canvas) -> Canvas {
        match self.size {
            Some(size) => canvas.resized(size),
            None => canvas,
        }
    }
}

impl Crops {
    /// How many parts an image has in each way.
    fn grid(&self, source: Size) -> Size {
        let Size { height, width } = source;
        let (long, short) = (height.max(width), height.min(width));
        let ratio = long as f64 / short as f64;
        let parts = ((ratio + 0.5).floor() as usize).min(long / self.least).max(2).min(self.most);
        if ratio < self.ratio || long.div_ceil(parts).min(short) < self.least {
            return Size::square(0);
        }
        if width >= height { Size { height: 1, width: parts } } else { Size { height: parts, width: 1 } }
    }
}
