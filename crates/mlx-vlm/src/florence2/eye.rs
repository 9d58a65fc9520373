//! The side of images: how they are prepared, and what the tower makes of them.

use std::path::Path;

use mlx_core::Array;
use mlx_image::{Processor, Size};
use mlx_nn::{Module, Weights};

use super::config::{Source, Vision};
use super::davit::DaVit;
use super::projector::Projector;
use crate::family::{About, Family, Markers, Prepared};
use crate::{Error, Media, Result};

/// The tower, with what is before and behind it.
#[derive(Module)]
#[module(no_tree)]
pub(super) struct Eye {
    tower: DaVit,
    projector: Projector,
    #[module(skip)]
    processor: Processor,
    #[module(skip)]
    grid: Grid,
}

/// How many patches an image becomes.
#[derive(Debug)]
struct Grid {
    /// The kernel, the step and the padding of each stage.
    stages: Vec<[usize; 3]>,
    most: usize,
    sources: Vec<Source>,
}

impl Eye {
    pub(super) fn load(w: &Weights, config: &Vision, folder: &Path) -> Result<Self> {
        Ok(Self {
            tower: DaVit::load(&w.at("vision_tower"), config)?,
            projector: Projector::load(&w.at("multi_modal_projector"), config)?,
            processor: Processor::from_dir(folder)?,
            grid: Grid::new(config),
        })
    }
}

impl Family for Eye {
    fn markers(&self) -> Markers {
        Markers { image: "<image>".into(), video: None }
    }

    fn prepare(&self, media: &Media) -> Result<Prepared> {
        let Media::Image(image) = media else {
            return Err(Error::Prompt(
                "Florence-2 takes images alone: ask about each frame of a video".into(),
            ));
        };
        let pixels = self.processor.apply(image)?;
        let (grid, tokens) = self.grid.of(pixels.size)?;
        let about = About { text: String::new(), tokens, grid: [1, grid[0], grid[1]], pace: 1.0 };
        let [height, width] =
            [pixels.size.height, pixels.size.width].map(|edge| i32::try_from(edge).unwrap_or(i32::MAX));
        Ok(Prepared { about, inputs: vec![Array::from_vec(pixels.values, [1, height, width, 3])?] })
    }

    fn see(&self, _about: &About, inputs: &[Array]) -> Result<Array> {
        let Some(pixels) = inputs.first() else {
            return Err(Error::Prompt("there is no image to see".into()));
        };
        Ok(self.projector.forward(&self.tower.forward(pixels)?)?)
    }

    fn tokens(&self) -> &[u32] {
        &[]
    }
}

impl Grid {
    fn new(config: &Vision) -> Self {
        let size = |sizes: &[i32], at: usize| sizes.get(at).map_or(0, |size| size.unsigned_abs() as usize);
        let stage =
            |at| [&config.patch_size, &config.patch_stride, &config.patch_padding].map(|all| size(all, at));
        Self {
            stages: (0..config.embed_dim.len()).map(stage).collect(),
            most: config.positions().unsigned_abs() as usize,
            sources: config.image_feature_source.clone(),
        }
    }

    /// Rows and columns of patches of an image of such a size, and how many vectors come of it.
    fn of(&self, size: Size) -> Result<([i32; 2], usize)> {
        let edges = [size.height, size.width].map(|edge| {
            self.stages.iter().try_fold(edge, |edge, [kernel, stride, padding]| {
                Some((edge + 2 * padding).checked_sub(*kernel)? / stride + 1)
            })
        });
        let [Some(rows), Some(columns)] = edges else {
            return Err(Error::config(format!("an image of {size} is smaller than the first patch")));
        };
        if rows.max(columns) > self.most {
            return Err(Error::config(format!(
                "an image of {size} becomes {rows} × {columns} patches, and there are positions of {}",
                self.most
            )));
        }
        let count = |source: &Source| if *source == Source::SpatialAvgPool { 1 } else { rows * columns };
        let edges = [rows, columns].map(|edge| i32::try_from(edge).unwrap_or(i32::MAX));
        Ok((edges, self.sources.iter().map(count).sum()))
    }
}
