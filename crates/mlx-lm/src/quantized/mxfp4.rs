//! The experts of gpt-oss: `…_blocks` of bytes and `…_scales`, which are MLX's own mxfp4 under other names.

use mlx_core::{Array, Dtype};

use super::layers::Layers;
use crate::Result;

pub(super) fn convert(layers: &mut Layers<'_>) -> Result<()> {
    layers.rename(|key, array| match (key.strip_suffix("_blocks"), key.strip_suffix("_scales")) {
        (Some(path), _) => Ok((format!("{path}.weight"), words(&array)?)),
        (_, Some(path)) => Ok((format!("{path}.scales"), array)),
        _ => Ok((key, array)),
    })
}

/// `[…, groups, 16]` bytes as `[…, groups · 4]` words.
fn words(blocks: &Array) -> mlx_core::Result<Array> {
    blocks.view(Dtype::Uint32)?.flatten(-2, -1)
}
