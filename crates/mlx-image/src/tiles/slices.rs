//! The whole image, then slices of it with about as many pixels each as the tower was trained with: MiniCPM-V.
//!
//! Xu et al., "LLaVA-UHD"; Yao et al., "MiniCPM-V". The rounding is that of transformers.

use serde::Deserialize;

use super::closest_ratio::times;
use super::plan::Plan;
use crate::canvas::Canvas;
use crate::processor::Config;
use crate::processor::config::count;
use crate::{Error, Result, Size};

/// How large slices are, and how many there may be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slices {
    /// The edge of a square with the pixels of a slice.
    resolution: usize,
    pub(super) patch: usize,
    /// The edge of the blocks that slices consist of.
    pub(super) block: usize,
    most: usize,
}

#[derive(Deserialize)]
struct Fields {
    max_slice_nums: Option<usize>,
    scale_resolution: Option<usize>,
    patch_size: Option<usize>,
    slice_mode: Option<bool>,
    downsample_mode: Option<String>,
}

/// More slices than any model takes.
const MOST: usize = 256;

impl Slices {
    /// A checkpoint that merges patches, or not.
    pub(super) fn new(config: &Config<'_>, merges: bool) -> Result<(Self, bool)> {
        let fields: Fields = config.more()?;
        if !config.do_resize {
            return Err(Error::config("do_resize is false, but images are always resized"));
        }
        let patch = count("patch_size", fields.patch_size.unwrap_or(14))?;
        let most = count("max_slice_nums", fields.max_slice_nums.unwrap_or(9))?;
        if most > MOST {
            return Err(Error::config(format!("max_slice_nums is {most}: it must be {MOST} at most")));
        }
        let merged = match fields.downsample_mode.as_deref() {
            _ if !merges => 1,
            None | Some("16x") => 4,
            Some("4x") => 2,
            Some(mode) => {
                let problem = format!("downsample_mode `{mode}` is not supported (known: 4x, 16x)");
                return Err(Error::config(problem));
            }
        };
        let resolution = count("scale_resolution", fields.scale_resolution.unwrap_or(448))?;
        let slices = Self { resolution, patch, block: patch * merged, most };
        Ok((slices, fields.slice_mode.unwrap_or(true)))
    }

    pub(super) fn plan(&self, source: Size, cuts: bool) -> Plan {
        let [height, width] = [source.height, source.width].map(|length| length as f64);
        let grid = if cuts { self.grid(height, width) } else { None };
        let canvas = Canvas::whole(source);
        let whole = canvas.clone().resized(self.fitted(height, width));
        let Some(grid) = grid else { return Plan::whole(whole) };
        let [rows, columns] = [grid.height, grid.width].map(|count| count as f64);
        let slice = self.fitted(whole_blocks(height, rows) / rows, whole_blocks(width, columns) / columns);
        Plan { grid, canvases: vec![whole, canvas.resized(times(slice, grid)).cut(slice)] }
    }

    /// The size of an image in whole blocks, with about the pixels of a slice.
    fn fitted(&self, height: f64, width: f64) -> Size {
        let ratio = width / height;
        let height = (self.resolution as f64 / ratio.sqrt()).trunc();
        let width = (height * ratio).trunc();
        let blocks = |length: f64| whole_blocks(length, self.block as f64) as usize;
        Size { height: blocks(height), width: blocks(width) }
    }

    /// The rows and columns of slices, of about as many as fit, whose proportions are nearest to the image's.
    fn grid(&self, height: f64, width: f64) -> Option<Size> {
        let ratio = (width / height).ln();
        let resolution = (self.resolution * self.resolution) as f64;
        let fitting = ((width * height / resolution).ceil() as usize).min(self.most);
        if fitting <= 1 {
            return None;
        }
        let mut best = (f64::INFINITY, Size::square(1));
        for slices in (fitting - 1..=fitting + 1).filter(|&slices| slices > 1 && slices <= self.most) {
            for rows in (1..=slices).filter(|&rows| slices.is_multiple_of(rows)) {
                let grid = Size { height: rows, width: slices / rows };
                let error = (ratio - (grid.width as f64 / grid.height as f64).ln()).abs();
                if error < best.0 || (error == best.0 && rows > best.1.height) {
                    best = (error, grid);
                }
            }
        }
        Some(best.1)
    }
}

/// A length rounded to a multiple of `block`, one at least.
fn whole_blocks(length: f64, block: f64) -> f64 {
    ((length / block).round_ties_even() * block).max(block)
}
