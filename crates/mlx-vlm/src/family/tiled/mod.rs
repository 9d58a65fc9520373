//! What families share that see an image as tiles of one size.

mod fields;
mod projector;
mod vit;

use mlx_core::Array;
use mlx_image::{Patches, Pixels};

pub(super) use self::fields::{Layers, bounded, text_width};
pub(super) use self::projector::{Connector, Projector};
pub(super) use self::vit::vit_sizes;
use super::About;
use crate::{Error, Result};

/// The patches of images of one size, `[images, rows, columns, numbers]`.
///
/// # Errors
/// They do not consist of such patches, or are of several sizes.
pub(super) fn patches<'p>(images: impl IntoIterator<Item = &'p Pixels>, edge: i32) -> Result<Array> {
    let (mut values, mut grid, mut count) = (Vec::new(), None, 0);
    for pixels in images {
        let cut = Patches::cut(pixels, edge.unsigned_abs() as usize)?;
        if *grid.get_or_insert(cut.grid) != cut.grid {
            return Err(Error::config("the images' side: tiles are of several sizes"));
        }
        values.extend(cut.values);
        count += 1;
    }
    let grid = grid.unwrap_or(mlx_image::Size::square(0));
    let [rows, columns] = [grid.height, grid.width].map(|count| i32::try_from(count).unwrap_or(i32::MAX));
    Ok(Array::from_vec(values, [count, rows, columns, edge * edge * 3])?)
}

/// How many patches are in a column and in a row of those.
pub(super) fn grid(patches: &Array) -> Result<[i32; 2]> {
    let [_, rows, columns, _] = patches.dims()?;
    Ok([rows, columns])
}

impl About {
    /// What is seen in the order of its tokens.
    pub(super) fn row(text: String, tokens: usize) -> Self {
        let length = i32::try_from(tokens).unwrap_or(i32::MAX);
        Self { text, tokens, grid: [1, 1, length], pace: 1.0 }
    }
}
