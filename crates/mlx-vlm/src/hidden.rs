//! Vectors in the places of tokens.

use mlx_core::{Array, Index, Result, concatenate};

/// Hidden states `[1, length, hidden]` with `vectors` `[places, width]` in their places. The wider of the two decides how
/// wide the result is: text has nothing to add to later layers.
pub(crate) fn put(text: Array, places: Vec<i32>, vectors: &Array) -> Result<Array> {
    let [_, length, hidden] = text.dims()?;
    let width = vectors.dim(-1)?;
    let vectors = vectors.astype(text.dtype())?;
    let wide = if width > hidden {
        concatenate([&text, &Array::zeros([1, length, width - hidden], text.dtype())?], -1)?
    } else {
        text
    };
    wide.at((0, Index::from(places), ..width)).set(&vectors)
}
