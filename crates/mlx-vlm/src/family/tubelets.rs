//! What families that take images and videos as tubelets have in common.

use mlx_core::Array;
use mlx_image::{Size, TubeletProcessor, Tubelets};

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
