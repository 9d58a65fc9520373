//! What families that take images and videos as tubelets have in common.

use mlx_core::{Array, Result as MlxResult};
use mlx_image::{Size, TubeletProcessor, Tubelets};
use mlx_nn::Weights;

use super::{About, Prepared};
use crate::{Error, Result};

/// What the tower takes of tubelets, for which `text` stands.
pub(super) fn prepared(tubelets: Tubelets, text: String, pace: f64) -> Result<Prepared> {
    let Tubelets { grid, values } = tubelets;
    let numbers = values.len() / grid.count().max(1);
    let shape = [grid.count(), numbers].map(|size| i32::try_from(size).unwrap_or(i32::MAX));
    let [time, height, width] = grid.shape;
    let merge = grid.merge.max(1);
    let merged = [time, height / merge, width / merge];
    let about = About {
        text,
        tokens: grid.tokens(),
        grid: merged.map(|size| i32::try_from(size).unwrap_or(i32::MAX)),
        pace,
    };
    Ok(Prepared { about, inputs: vec![Array::from_vec(values, shape)?] })
}

/// What `tower` makes of all tubelets, one behind the other.
pub(super) fn see(inputs: &[Array], tower: impl Fn(&Array) -> MlxResult<Array>) -> Result<Array> {
    let seen: MlxResult<Vec<_>> = inputs.iter().map(tower).collect();
    Ok(mlx_core::concatenate(&seen?, 0)?)
}

/// Checks that a processor cuts what a tower takes: tubelets of so many frames, so large, of which squares are merged.
pub(super) fn fits(processor: TubeletProcessor, [depth, patch, merge]: [i32; 3]) -> Result<TubeletProcessor> {
    let taken = [depth, patch, merge].map(|size| size.unsigned_abs() as usize);
    let block = Size::square(8 * taken.iter().skip(1).product::<usize>());
    let found = [processor.depth(), processor.patch(), processor.grid(block)?.merge];
    if found == taken {
        return Ok(processor);
    }
    let problem = format!(
        "the tower takes {taken:?} frames, pixels and squares of patches, where preprocessor_config.json makes {found:?}"
    );
    Err(Error::config(problem))
}

/// The row and the column of each tubelet of a grid of squares, as they follow each other: by squares.
pub(super) fn places([time, height, width]: [i32; 3], merge: i32) -> Vec<[i32; 2]> {
    let squares = (0..height).flat_map(|row| (0..width).map(move |column| [row * merge, column * merge]));
    let within =
        |[row, column]: [i32; 2]| (0..merge * merge).map(move |at| [row + at / merge, column + at % merge]);
    let frame: Vec<_> = squares.flat_map(within).collect();
    frame.repeat(time.unsigned_abs() as usize)
}

/// Places in a list that goes row by row, each as wide as said.
pub(super) fn row_by_row(places: &[[i32; 2]], width: i32) -> MlxResult<Array> {
    let all: Vec<_> = places.iter().map(|[row, column]| row * width + column).collect();
    list(&all)
}

/// Places as an array.
pub(super) fn list(all: &[i32]) -> MlxResult<Array> {
    Array::from_slice(all, [i32::try_from(all.len()).unwrap_or(i32::MAX)])
}

/// The scope of a tower that MLX calls `vision_tower` and transformers `visual`, and of which `part` is a weight.
pub(super) fn tower(weights: &Weights, part: &str) -> Weights {
    let converted = weights.at("vision_tower");
    if converted.contains(part) { converted } else { weights.at("visual") }
}
