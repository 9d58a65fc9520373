//! Attention within windows that do not overlap.

use mlx_core::fast::{Mask, Rope, rope, scaled_dot_product_attention};
use mlx_core::{Array, Result as MlxResult};
use mlx_nn::{LayerNorm, LayerNormOptions, Linear, Module};

use crate::codec::part::reader::Reader;
use crate::{Error, Result};

/// The width of a head, of all published models.
const HEAD: i32 = 64;

/// Attention, added to its input.
#[derive(Module)]
pub(super) struct LocalAttention {
    norm: LayerNorm,
    qkv: Linear,
    output: Linear,
    heads: i32,
    window: i32,
}

impl LocalAttention {
    pub(super) fn load(r: &Reader, width: i32, window: i32) -> Result<Self> {
        if width % HEAD != 0 {
            let problem =
                format!("{width} channels of attention are not a multiple of {HEAD}, the width of a head");
            return Err(Error::config("config.json", problem));
        }
        // The frequencies, which are the same for all.
        r.w.ignore(|key| key.contains(".rel_pos."));
        Ok(Self {
            norm: LayerNorm::load(&r.w.at("norm"), width, LayerNormOptions::default())?,
            qkv: r.w.linear("to_qkv", [3 * width, width])?,
            output: r.w.linear("to_out", [width, width])?,
            heads: width / HEAD,
            window,
        })
    }

    /// Vectors of a window.
    pub(super) fn window(&self) -> i32 {
        self.window
    }

    /// `[1, time, width] -> [1, time, width]`, of a whole number of windows.
    pub(super) fn forward(&self, x: &Array) -> MlxResult<Array> {
        let [_, length, width] = x.dims()?;
        let all = self.qkv.forward(&self.norm.forward(x)?)?;
        let shape = [length / self.window, self.window, 3, self.heads, HEAD];
        let parts = all.reshape(shape)?.transpose([2, 0, 3, 1, 4])?;
        let turn =
            Rope { dims: HEAD, traditional: false, base: Some(1e4), scale: 1.0, offset: 0, freqs: None };
        let (q, k) = (rope(&parts.index(0)?, turn)?, rope(&parts.index(1)?, turn)?);
        let scale = (HEAD as f32).sqrt().recip();
        let seen = scaled_dot_product_attention(&q, &k, &parts.index(2)?, scale, Mask::None, None)?;
        x + self.output.forward(&seen.transpose([0, 2, 1, 3])?.reshape([1, length, width])?)?
    }
}
