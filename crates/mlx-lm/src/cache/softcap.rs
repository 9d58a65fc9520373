//! Attention whose scores are capped, which MLX has no kernel for.

use mlx_core::{Array, Dtype, Result, select};

use super::{LayerCache, Mask};

impl LayerCache {
    /// As [`attend`](Self::attend), where scores `s` are `cap · tanh(s / cap)` with `(scale, cap)`.
    pub fn attend_capped(
        &mut self,
        queries: &Array,
        keys: &Array,
        values: &Array,
        (scale, cap): (f32, f32),
        mask: &Mask,
    ) -> Result<Array> {
        let (keys, values) = self.append(keys, values)?;
        let [batch, heads, length, width] = queries.dims()?;
        let groups = keys.dim(1)?;
        let queries = (queries * scale)?.reshape([batch, groups, heads / groups.max(1), length, width])?;
        let (keys, values) = (keys.expand_dims(2)?, values.expand_dims(2)?);

        let scores = queries.matmul(keys.swapaxes(-1, -2))?;
        let scores = ((scores / cap)?.tanh()? * cap)?;
        let weights = masked(scores.astype(Dtype::Float32)?, mask)?.softmax(-1)?.astype(values.dtype())?;
        weights.matmul(values)?.reshape([batch, heads, length, -1])
    }
}

/// `scores` `[…, queries, keys]`, the least possible where `mask` hides the key.
fn masked(scores: Array, mask: &Mask) -> Result<Array> {
    let seen = match mask {
        Mask::None => return Ok(scores),
        // Heads are in groups here, which a mask with heads does not know.
        Mask::Array(seen) if seen.ndim() == 4 => seen.expand_dims(2)?,
        Mask::Array(seen) => seen.clone(),
        Mask::Causal => {
            let (queries, keys) = (scores.dim(-2)?, scores.dim(-1)?);
            let places = Array::arange(keys - queries..keys)?.expand_dims(1)?;
            places.greater_equal(Array::arange(0..keys))?
        }
    };
    select(&seen, &scores, f32::MIN)
}
