//! The heads of attention, side by side or each by itself.

use mlx_core::{Array, Result as MlxResult};

/// `[batch, length, heads · width] -> [batch, heads, length, width]`.
pub(crate) fn split(x: &Array, heads: i32) -> MlxResult<Array> {
    let [batch, length, _] = x.dims()?;
    if length == 1 {
        return x.reshape([batch, heads, 1, -1]);
    }
    x.reshape([batch, length, heads, -1])?.transpose([0, 2, 1, 3])
}

/// `[batch, heads, length, width] -> [batch, length, heads · width]`.
pub(crate) fn join(heads: &Array) -> MlxResult<Array> {
    let [batch, _, length, _] = heads.dims()?;
    if length == 1 {
        return heads.reshape([batch, 1, -1]);
    }
    heads.transpose([0, 2, 1, 3])?.reshape([batch, length, -1])
}
