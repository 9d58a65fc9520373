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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensors::Arrays;

    #[test]
    fn experts_become_words_and_scales_of_their_own() {
        let bytes = Array::arange(0..64).unwrap().astype(Dtype::Uint8).unwrap();
        let scales = Array::from_slice(&[127_u8; 4], [1, 2, 2]).unwrap();
        let mut arrays = Arrays::from([
            ("mlp.experts.down_proj_blocks".to_owned(), bytes.reshape([1, 2, 2, 16]).unwrap()),
            ("mlp.experts.down_proj_scales".to_owned(), scales),
            ("mlp.experts.down_proj_bias".to_owned(), Array::zeros([1, 2], Dtype::Float32).unwrap()),
        ]);
        convert(&mut Layers::new(&mut arrays, None)).unwrap();
        let weight = &arrays["mlp.experts.down_proj.weight"];
        assert_eq!((weight.shape(), weight.dtype()), (&[1, 2, 8][..], Dtype::Uint32));
        assert_eq!(weight.to_vec::<u32>().unwrap()[1], 0x0706_0504);
        assert_eq!(arrays["mlp.experts.down_proj.scales"].shape(), [1, 2, 2]);
        assert!(arrays.contains_key("mlp.experts.down_proj_bias"));
    }
}
